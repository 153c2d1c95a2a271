from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.experiments.results import Results
from reports.page import write_report
from reports.sections import tuning


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


def test_trials_and_optimism_of_each_tuned_pipeline(add: Any, data: Any, section_text: Any) -> None:
    add(classifier="svm", skill=1.5, extra=_tables(), protocol={"tune": 5})
    add(classifier="knn", skill=0.5, extra=_tables(complete=5, pruned=0), protocol={"tune": 5})
    add(extractor="pixels", classifier="prior", skill=0.0, flags=["BASELINE"], protocol={"tune": 5})
    (built,) = tuning.sections(data())
    assert isinstance(built.view, list)
    (tuned,) = built.view
    assert [p["name"] for p in tuned["pipelines"]] == ["handcrafted × svm", "handcrafted × knn"]
    assert [(p["complete"], p["pruned"], p["failed"]) for p in tuned["pipelines"]] == [(6, 4, 0), (10, 0, 0)]
    assert tuned["pipelines"][0]["parameters"] == ["C", "gamma"]
    assert (tuned["missing"], tuned["group"].protocol["tune"]) == (["pixels × prior"], 5)
    text = section_text("tuning")
    # Means of 0.8, 0.9 and of 0.7, 0.7; the standard deviation of 0.1 and 0.2 is 0.0707.
    assert "handcrafted × svm C, gamma 6 4 0 0.85 0.70 0.15 ± 0.07" in text
    assert "5 trials in each of 4 outer folds, the same for every pipeline" in text
    assert "Nothing to tune: pixels × prior." in text


def test_optimism_has_no_sd_with_one_fold_and_is_missing_without_outer_score(add: Any, section_text: Any) -> None:
    tables = _tables(folds=1)
    add(classifier="svm", extra=tables, protocol={"tune": 5})
    undefined = tables["optimism"].assign(outer=float("nan"), optimism=float("nan"))
    add(classifier="knn", extra={**tables, "optimism": undefined}, protocol={"tune": 5})
    text = section_text("tuning")
    assert "handcrafted × svm C, gamma 3 2 0 0.80 0.70 0.10 " in text
    assert "0.10 ±" not in text
    assert "handcrafted × knn C, gamma 3 2 0 – – –" in text


def test_without_tuning_there_is_no_section(add: Any, section_text: Any) -> None:
    add()
    assert section_text("tuning") == ""


def test_unreadable_trials_are_named(results: Results, add: Any) -> None:
    add(classifier="svm", extra=_tables(), protocol={"tune": 5})
    (folder,) = (e.folder for e in results.experiments())
    (folder / "trials.parquet").write_bytes(b"nothing")
    with pytest.raises(BenchError, match=rf"{folder.name}/trials\.parquet: Parquet file size is 7 bytes"):
        write_report(results, results.path / "report.html")
