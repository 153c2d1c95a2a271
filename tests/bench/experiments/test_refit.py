"""A refit gives identical predictions; with other folds it is run once and stored apart."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench.errors import BenchError
from bench.experiments.refit import REFITS, Study, disk_errors_as_bench_error, fit_with_split, refit
from bench.experiments.reload import Reloaded, find_experiment, reload
from bench.observer import Observer


def _reopened(folder: Path) -> Reloaded:
    return reload(bench.open_results(folder / "results").experiments()[0])


def test_the_same_labels_and_folds_give_the_same_predictions_bit_for_bit(small_matrix: Path) -> None:
    reloaded = _reopened(small_matrix)
    study = Study("again", reloaded.labels, reloaded.plan.folds)
    refitted = dict(refit(reloaded.plan, [study, study], jobs=1, observer=Observer()))
    stored = reloaded.result.predictions
    assert list(refitted) == ["again"]
    pd.testing.assert_frame_equal(refitted["again"][list(stored.columns)], stored, check_exact=True)


def test_predictions_have_the_labels_of_the_study(small_matrix: Path) -> None:
    reloaded = _reopened(small_matrix)
    turned = np.where(reloaded.labels == "diseased", "normal", "diseased")
    ((_, refitted),) = refit(reloaded.plan, [Study("turned", turned, reloaded.plan.folds)], jobs=1, observer=Observer())
    truth = dict(zip(reloaded.table["cell"], reloaded.labels, strict=True))
    assert all(label != truth[cell] for cell, label in zip(refitted["cell"], refitted["label"], strict=True))


def test_missing_features_are_extracted(small_matrix: Path, tmp_path: Path) -> None:
    shutil.copytree(small_matrix, tmp_path / "copy")
    result = find_experiment(tmp_path / "copy" / "results", name="size x knn")[1]
    reloaded = reload(result, store=tmp_path / "empty")
    assert reloaded.experiment.entry is not None
    assert not reloaded.experiment.entry.stored
    study = Study("again", reloaded.labels, reloaded.plan.folds)
    ((_, refitted),) = refit(reloaded.plan, [study], jobs=1, observer=Observer())
    stored = reloaded.result.predictions
    pd.testing.assert_frame_equal(refitted[list(stored.columns)], stored, check_exact=True)


def test_the_error_of_a_fold_names_its_study(small_matrix: Path) -> None:
    reloaded = _reopened(small_matrix)
    one_class = np.where(np.arange(len(reloaded.labels)) == 0, "diseased", "normal")
    with pytest.raises(BenchError, match=r"^odd labels, repeat \d, fold \d: .*diseased"):
        list(refit(reloaded.plan, [Study("odd labels", one_class, reloaded.plan.folds)], jobs=1, observer=Observer()))


def test_the_split_by_image_is_run_once_and_stored_apart(small_matrix: Path, tmp_path: Path) -> None:
    shutil.copytree(small_matrix, tmp_path / "copy")
    folder = tmp_path / "copy"
    first = fit_with_split(_reopened(folder), "image", jobs=1, observer=Observer())
    assert first.folder.parent.parent == folder / "results" / REFITS
    assert first.flags == ("LEAKY",)
    stamp = first.folder.stat().st_mtime_ns
    again = fit_with_split(_reopened(folder), "image", jobs=1, observer=Observer())
    assert (again.folder, again.folder.stat().st_mtime_ns) == (first.folder, stamp)
    assert len(bench.open_results(folder / "results").experiments()) == 2
    assert (
        fit_with_split(_reopened(folder), "patient", jobs=1, observer=Observer()).folder.parent.parent
        == folder / "results"
    )


def test_an_experiment_in_the_results_is_not_run(
    small_matrix: Path, tmp_path: Path, run_options: Callable[[Path], dict[str, Any]]
) -> None:
    shutil.copytree(small_matrix, tmp_path / "copy")
    folder = tmp_path / "copy"
    by_image = bench.run("size", "knn", split="image", **run_options(folder))
    reloaded = reload(next(e for e in bench.open_results(folder / "results").experiments() if not e.flags))
    assert fit_with_split(reloaded, "image", jobs=1, observer=Observer()).folder == by_image.folder
    assert not (folder / "results" / REFITS).exists()


def test_a_full_disk_is_a_bench_error(tmp_path: Path) -> None:
    error = pytest.raises(BenchError, match=r"\(No space left on device: there\)\. Finished parts are stored")
    with error, disk_errors_as_bench_error(tmp_path, tmp_path / "store"):
        raise OSError(28, "No space left on device", "there")
