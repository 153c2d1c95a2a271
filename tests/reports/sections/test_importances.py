"""The report's section on importances ranks features by their mean over the folds, and shows the spread."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.experiments.results import Results
from reports.page import write_report
from reports.sections.importances import SHOWN, important_groups
from reports.sections.leaderboard import tracks

Add = Any

SHARES = {"shape.area.cell": (0.5, 0.3), "color.sd.cell": (0.0, 0.4), "color.mean.cell": (0.5, 0.3)}
"""In two folds. Means: 0.4, 0.2, 0.4."""


def _tables(shares: dict[str, tuple[float, ...]], *, told: tuple[str, ...] = ()) -> dict[str, pd.DataFrame]:
    rows = [
        {"feature": name, "importance": share, "repeat": 0, "fold": fold}
        for name, each in shares.items()
        for fold, share in enumerate(each)
    ]
    features = [{"name": n, "formula": f"formula of <{n}>", "unit": "px^2", "turns": 1e-6} for n in told]
    return {"importances": pd.DataFrame(rows), "features": pd.DataFrame(features)}


def _section(results: Results) -> str:
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    found = re.search(r'<section id="importances">.*?</section>', html, re.DOTALL)
    return found.group(0) if found else ""


def _text(section: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", section).split())


def test_the_largest_mean_first_with_smallest_and_largest_fold(results: Results, add: Add) -> None:
    add(classifier="xgboost", more=_tables(SHARES, told=("shape.area.cell",)))
    add(classifier="svm", skill=0.5)
    (part,) = important_groups(tracks(results))
    (pipeline,) = part.pipelines
    assert [(x.name, x.mean, x.low, x.high, x.used) for x in pipeline.lines] == [
        ("color.mean.cell", 0.4, 0.3, 0.5, 2),
        ("shape.area.cell", 0.4, 0.3, 0.5, 2),
        ("color.sd.cell", 0.2, 0.0, 0.4, 1),
    ]
    assert pipeline.lines[2].bar == pytest.approx((40, 0, 80)), "in percent of the largest share of all, 0.5"
    assert (pipeline.folds, pipeline.features, pipeline.used) == (2, 3, 3)
    assert part.silent == ("handcrafted × svm",)
    section = _section(results)
    text = _text(section)
    assert "shape.area.cell formula of &lt;shape.area.cell&gt; (px^2) 40.0 % 2/2" in text
    assert "color.sd.cell 20.0 % 1/2" in text
    assert "All of the 3 features that some fold uses, of 3 that it was given; together 100 % of the importance" in text
    assert "By family: color 60 %, shape 40 %." in text
    assert "No importances of single features: handcrafted × svm." in text
    assert 'width="80.0" height="10"' in section, "a mean of 0.2 on a scale of 200 for 0.5"
    assert "M0.0 7H160.0" in section, "from 0 to 0.4"
    assert "Features that correlate share their importance" in text
    assert "not what causes" in text


def test_no_more_than_fifteen_of_many(results: Results, add: Add) -> None:
    shares = np.arange(1.0, 41.0)
    shares /= shares.sum()
    add(classifier="lightgbm", more=_tables({f"f.{i:02d}": (float(s),) for i, s in enumerate(shares)}))
    (part,) = important_groups(tracks(results))
    lines = part.pipelines[0].lines
    assert [line.name for line in lines] == [f"f.{i:02d}" for i in range(39, 39 - SHOWN, -1)]
    text = _text(_section(results))
    # The sum of 26 to 40 over that of 1 to 40: 495 / 820.
    assert "The first 15 of the 40 features that the model uses, of 40 that it was given; together 60 %" in text
    assert "smallest to largest" not in text, "one fold has no spread"


def test_a_feature_that_a_fold_does_not_name_counts_as_0_there(results: Results, add: Add) -> None:
    tables = _tables({"a": (1.0, 0.5), "b": (0.0, 0.5)})
    gone = tables["importances"].drop(index=2)
    add(classifier="rf_svm", more={**tables, "importances": gone})
    pipeline = important_groups(tracks(results))[0].pipelines[0]
    assert [(x.name, x.mean, x.low) for x in pipeline.lines] == [("a", 0.75, 0.5), ("b", 0.25, 0.0)]
    assert pipeline.families == (), "names without a family"


def test_leaky_pipelines_say_so_in_their_own_line(results: Results, add: Add) -> None:
    add(classifier="xgboost", more=_tables(SHARES), flags=["LEAKY"], protocol={"split": "image"}, violations=["x"])
    assert "handcrafted × xgboost AUROC, patient-weighted" in _text(_section(results))
    assert '<b class="badge leaky">LEAKY</b></summary>' in _section(results)


def test_models_that_lean_on_nothing_have_no_table(results: Results, add: Add) -> None:
    add(classifier="lightgbm", more=_tables({"a": (0.0, 0.0)}))
    assert important_groups(tracks(results)) == []
    assert _section(results) == ""


def test_importances_that_cannot_be_read_are_named(results: Results, add: Add) -> None:
    add(classifier="xgboost", more=_tables(SHARES))
    path = next(results.path.glob("experiments/*/importances.parquet"))
    path.write_bytes(b"no parquet")
    with pytest.raises(BenchError, match=rf"{path.parent.name}: the importances cannot be read .*delete this folder"):
        write_report(results, results.path / "report.html")
