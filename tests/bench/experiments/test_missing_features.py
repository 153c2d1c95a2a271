"""Missing features of a matrix: notices once, fields of the records, failed rows with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bench
from bench.api import MatrixResult
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.records import ExperimentResult
from bench.observer import Observer

SIZE, MIXED = "size[regions=cell+]", "handcrafted[families=size+lbp,regions=cell+]"

REASON = (
    "all values are missing (TOUCHES_BORDER): none of the 14 features has a value in any of the 24 cells, so there is "
    "nothing to learn from; check the masks with bench data quality, or choose another extractor"
)


class Recorder(Observer):
    """Records the notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def about(self, extractor: str) -> list[str]:
        return [text for text in self.notices if f"{extractor}: " in text]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cells whose masks are the whole frame, so that no outline is complete."""
    folder = tmp_path_factory.mktemp("missing")
    write_phantom(PhantomSpec(patients=4, cells=3, spread=0, size=48, seed=2), folder / "cells")
    paths = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
    return {**paths, "mask": "whole", "folds": 2, "inner_folds": 2, "jobs": 1, "positive": "diseased"}


@pytest.fixture(scope="module")
def matrix(options: dict[str, Any]) -> tuple[MatrixResult, Recorder]:
    recorder = Recorder()
    classifiers = ["knn", "naive_bayes", "sklearn.linear_model.LogisticRegression"]
    pipelines = {"extractors": [SIZE, MIXED], "classifiers": classifiers, "baselines": False}
    return bench.matrix(**pipelines, observer=recorder, **options), recorder


def test_features_without_any_value_fail_for_every_classifier(matrix: tuple[MatrixResult, Recorder]) -> None:
    result, recorder = matrix
    assert [(failure.record["extractor"], failure.reason) for failure in result.failures] == [(SIZE, REASON)] * 3
    assert recorder.about(SIZE) == [f"WARNING: {SIZE}: {REASON}"]


def test_a_single_run_ends_with_the_sentence(options: dict[str, Any]) -> None:
    with pytest.raises(BenchError) as error:
        bench.run(SIZE, "xgboost", **options)
    assert str(error.value) == REASON


def test_records_contain_the_shares_and_dropped_columns(matrix: tuple[MatrixResult, Recorder]) -> None:
    result, recorder = matrix
    assert len(result.experiments) == 3
    for experiment in result.experiments:
        missing = experiment.missing
        assert missing["families"] == [
            {"name": "size", "columns": 14, "mostly_missing": 14, "share": 1.0, "reason": "TOUCHES_BORDER"}
        ]
        assert (missing["mostly_missing"], missing["columns"], missing["cells_without_values"]) == (14, 14 + 60, 0)
        assert missing["dropped"] == {"columns": 14, "folds": 2, "of": 2}
    assert len(recorder.about(MIXED)) == 2, "once for all classifiers"


def test_a_finished_matrix_and_a_plan_repeat_the_notices(
    matrix: tuple[MatrixResult, Recorder], options: dict[str, Any]
) -> None:
    again, planned = Recorder(), Recorder()
    pipelines = {"extractors": [SIZE, MIXED], "classifiers": ["knn"], "baselines": False}
    bench.matrix(**pipelines, observer=again, **options)
    bench.plan(**pipelines, observer=planned, **options)
    for extractor in (SIZE, MIXED):
        assert matrix[1].about(extractor) == again.about(extractor) == planned.about(extractor)


def test_an_older_record_and_a_classifier_of_cells_have_no_missing_values(tmp_path: Path) -> None:
    assert ExperimentResult(tmp_path, {}).missing == {}
