from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.experiments.results import Results
from reports.page import write_report
from reports.section import ReportData
from reports.sections import importances
from reports.sections.importances import SHOWN

SHARES = {"shape.area.cell": (0.5, 0.3), "color.sd.cell": (0.0, 0.4), "color.mean.cell": (0.5, 0.3)}
"""In two folds. Means: 0.4, 0.2, 0.4."""


def _tables(shares: dict[str, tuple[float, ...]], *, described: tuple[str, ...] = ()) -> dict[str, pd.DataFrame]:
    rows = [
        {"feature": name, "importance": share, "repeat": 0, "fold": fold}
        for name, each in shares.items()
        for fold, share in enumerate(each)
    ]
    rest = {"unit": "px^2", "turns": 1e-6, "range": "", "source": ""}
    features = [{"name": n, "formula": f"formula of <{n}>", **rest} for n in described]
    return {"importances": pd.DataFrame(rows), "features": pd.DataFrame(features)}


def _parts(data: ReportData) -> list[dict[str, Any]]:
    (built,) = importances.sections(data)
    assert isinstance(built.view, list)
    return built.view


def test_features_are_ranked_by_mean_with_range_over_folds(
    add: Any, data: Any, section: Any, section_text: Any
) -> None:
    add(classifier="xgboost", extra=_tables(SHARES, described=("shape.area.cell",)))
    add(classifier="svm", skill=0.5)
    (part,) = _parts(data())
    (pipeline,) = part["pipelines"]
    assert [(x.name, x.mean, x.low, x.high, x.used) for x in pipeline.lines] == [
        ("color.mean.cell", 0.4, 0.3, 0.5, 2),
        ("shape.area.cell", 0.4, 0.3, 0.5, 2),
        ("color.sd.cell", 0.2, 0.0, 0.4, 1),
    ]
    assert pipeline.scale == 0.5, "the largest share of all"
    assert (pipeline.folds, pipeline.features, pipeline.used) == (2, 3, 3)
    assert part["missing"] == ["handcrafted × svm"]
    html, text = section("importances"), section_text("importances")
    assert "shape.area.cell formula of &lt;shape.area.cell&gt; (px^2) 40.0 % 2/2" in text
    assert "color.sd.cell 20.0 % 1/2" in text
    assert "All 3 features used in at least one fold, out of 3 input features; together 100 % of the importance" in text
    assert "By family: color 60 %, shape 40 %." in text
    assert "Without feature importances: handcrafted × svm." in text
    assert 'width="80.0" height="10"' in html, "a mean of 0.2 on a scale of 200 for 0.5"
    assert "M0.0 7H160.0" in html, "from 0 to 0.4"


def test_only_the_first_features_are_listed(add: Any, data: Any, section_text: Any) -> None:
    shares = np.arange(1.0, 41.0)
    shares /= shares.sum()
    add(classifier="lightgbm", extra=_tables({f"f.{i:02d}": (float(s),) for i, s in enumerate(shares)}))
    (part,) = _parts(data())
    lines = part["pipelines"][0].lines
    assert [line.name for line in lines] == [f"f.{i:02d}" for i in range(39, 39 - SHOWN, -1)]
    text = section_text("importances")
    # The sum of 26 to 40 over that of 1 to 40: 495 / 820.
    assert "First 15 of 40 features used by the model, out of 40 input features; together 60 %" in text
    assert "range over" not in text, "one fold has no range"


def test_a_feature_missing_in_a_fold_has_share_0_there(add: Any, data: Any) -> None:
    tables = _tables({"a": (1.0, 0.5), "b": (0.0, 0.5)})
    incomplete = tables["importances"].drop(index=2)
    add(classifier="rf_svm", extra={**tables, "importances": incomplete})
    pipeline = _parts(data())[0]["pipelines"][0]
    assert [(x.name, x.mean, x.low) for x in pipeline.lines] == [("a", 0.75, 0.5), ("b", 0.25, 0.0)]
    assert pipeline.families == (), "names without a family"


def test_leaky_pipelines_are_marked(add: Any, section: Any, section_text: Any) -> None:
    add(classifier="xgboost", extra=_tables(SHARES), flags=["LEAKY"], protocol={"split": "image"}, violations=["x"])
    assert "handcrafted × xgboost AUROC, patient-weighted" in section_text("importances")
    assert '<b class="badge leaky">LEAKY</b></summary>' in section("importances")


def test_models_without_important_features_have_no_table(add: Any, section: Any) -> None:
    add(classifier="lightgbm", extra=_tables({"a": (0.0, 0.0)}))
    assert section("importances") == ""


def test_unreadable_importances_are_named(results: Results, add: Any) -> None:
    add(classifier="xgboost", extra=_tables(SHARES))
    path = next(results.path.glob("experiments/*/importances.parquet"))
    path.write_bytes(b"no parquet")
    with pytest.raises(BenchError, match=rf"{path.parent.name}/importances\.parquet: Parquet magic bytes not found"):
        write_report(results, results.path / "report.html")
