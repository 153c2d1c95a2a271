"""The report's section on tuning counts the kept trials and shows the kept optimism."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.experiments.results import Results
from reports.page import write_report
from reports.sections.leaderboard import tracks
from reports.sections.tuning import tuned_tracks

Add = Any


def _tables(folds: int = 2, complete: int = 3, pruned: int = 2) -> dict[str, pd.DataFrame]:
    """Inner best 0.8, 0.9, ... and outer 0.7 in every fold."""
    states = ["complete"] * complete + ["pruned"] * pruned
    rows = [
        {"trial": i, "state": state, "value": 0.5, "param_C": "1.0", "param_gamma": "0.1", "repeat": 0, "fold": fold}
        for fold in range(folds)
        for i, state in enumerate(states)
    ]
    best = [0.8 + fold / 10 for fold in range(folds)]
    optimism = pd.DataFrame({"repeat": 0, "fold": range(folds), "inner_best": best, "outer": 0.7})
    return {"trials": pd.DataFrame(rows), "optimism": optimism.assign(optimism=optimism["inner_best"] - 0.7)}


def _section(results: Results) -> str:
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    found = re.search(r'<section id="tuning">.*?</section>', html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found.group(0)).split()) if found else ""


def test_trials_and_optimism_of_every_tuned_pipeline(results: Results, add: Add) -> None:
    add(classifier="svm", skill=1.5, more=_tables(), protocol={"tune": 5})
    add(classifier="knn", skill=0.5, more=_tables(complete=5, pruned=0), protocol={"tune": 5})
    add(extractor="pixels", classifier="prior", skill=0.0, flags=["BASELINE"], protocol={"tune": 5})
    (tuned,) = tuned_tracks(tracks(results))
    assert [p.name for p in tuned.pipelines] == ["handcrafted × svm", "handcrafted × knn"]
    assert [(p.complete, p.pruned, p.failed) for p in tuned.pipelines] == [(6, 4, 0), (10, 0, 0)]
    assert tuned.pipelines[0].parameters == ("C", "gamma")
    assert (tuned.silent, tuned.track.protocol["tune"]) == (("pixels × prior",), 5)
    text = _section(results)
    # Means of 0.8, 0.9 and of 0.7, 0.7; the standard deviation of 0.1 and 0.2 is 0.0707.
    assert "handcrafted × svm C, gamma 6 4 0 0.85 0.70 0.15 ± 0.07" in text
    assert "5 trials in each of 4 outer folds, the same for every pipeline" in text
    assert "Nothing to tune: pixels × prior." in text


def test_one_fold_has_no_spread_and_an_undefined_outer_score_no_optimism(results: Results, add: Add) -> None:
    tables = _tables(folds=1)
    add(classifier="svm", more=tables, protocol={"tune": 5})
    undefined = tables["optimism"].assign(outer=float("nan"), optimism=float("nan"))
    add(classifier="knn", more={**tables, "optimism": undefined}, protocol={"tune": 5})
    text = _section(results)
    assert "handcrafted × svm C, gamma 3 2 0 0.80 0.70 0.10 " in text
    assert "0.10 ±" not in text
    assert "handcrafted × knn C, gamma 3 2 0 – – –" in text


def test_without_tuning_there_is_no_section(results: Results, add: Add) -> None:
    add()
    assert _section(results) == ""


def test_trials_that_cannot_be_read_are_named(results: Results, add: Add) -> None:
    add(classifier="svm", more=_tables(), protocol={"tune": 5})
    (folder,) = (e.folder for e in results.experiments())
    (folder / "trials.parquet").write_bytes(b"nothing")
    with pytest.raises(BenchError, match=rf"{folder.name}: the tuning trials cannot be read"):
        write_report(results, results.path / "report.html")


def test_a_baseline_is_marked_softly_and_named_beside_the_best(results: Results, add: Add) -> None:
    add(classifier="svm", skill=2.0)
    add(extractor="size", classifier="lightgbm", skill=0.7, flags=["BASELINE"])
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    (track,) = tracks(results)
    assert f"The best baseline, size × lightgbm, reaches {track.rows[1].primary}." in html
    assert '<b class="badge baseline">BASELINE</b>' in html
    assert "A row that is always there" in html
    assert "Hollow and grey: baselines." in html
    assert "Hollow and red" not in html
    assert (track.warnings, track.rows[1].warnings, track.rows[1].badges) == ((), (), ("BASELINE",))


def test_a_baseline_that_wins_is_said_to_be_one(results: Results, add: Add) -> None:
    add(classifier="svm", skill=0.2)
    add(extractor="stain", classifier="lightgbm", skill=2.0, flags=["BASELINE"])
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    assert "It is a baseline: nothing that looks at more of a cell does better here." in html
    assert "The best baseline" not in html
