"""An experiment fitted again gives the same bits; under other folds it is run once and kept apart."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.experiments.refit import REFITS, Study, disk_errors_as_bench_error, fitted, refit
from bench.experiments.reopen import Reopened, reopen
from bench.observer import Observer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment on 12 phantom patients."""
    folder = tmp_path_factory.mktemp("refitting")
    write_phantom(PhantomSpec(patients=6, cells=3, spread=0, size=64, seed=2), folder / "cells")
    bench.run("size", "knn", **_options(folder))
    return folder


def _options(folder: Path) -> dict[str, Any]:
    places = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
    return {**places, "folds": 3, "inner_folds": 2, "repeats": 2, "jobs": 1}


def _reopened(folder: Path) -> Reopened:
    return reopen(bench.open_results(folder / "results").experiments()[0])


def test_the_same_labels_and_folds_give_the_same_predictions_bit_for_bit(place: Path) -> None:
    reopened = _reopened(place)
    study = Study("again", reopened.labels, reopened.plan.folds)
    found = dict(refit(reopened.plan, [study, study], jobs=2, observer=Observer()))
    kept = reopened.result.predictions
    assert list(found) == ["again"]
    pd.testing.assert_frame_equal(found["again"][list(kept.columns)], kept, check_exact=True)


def test_other_labels_are_told_in_the_predictions(place: Path) -> None:
    reopened = _reopened(place)
    turned = np.where(reopened.labels == "diseased", "normal", "diseased")
    ((_, found),) = refit(reopened.plan, [Study("turned", turned, reopened.plan.folds)], jobs=1, observer=Observer())
    truth = dict(zip(reopened.table["cell"], reopened.labels, strict=True))
    assert all(label != truth[cell] for cell, label in zip(found["cell"], found["label"], strict=True))


def test_features_that_are_gone_are_extracted_again(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "store" / "features")
    reopened = _reopened(tmp_path / "copy")
    assert reopened.experiment.entry is not None
    assert not reopened.experiment.entry.stored
    study = Study("again", reopened.labels, reopened.plan.folds)
    ((_, found),) = refit(reopened.plan, [study], jobs=1, observer=Observer())
    kept = reopened.result.predictions
    pd.testing.assert_frame_equal(found[list(kept.columns)], kept, check_exact=True)


def test_a_fold_that_fails_is_told_with_its_study(place: Path) -> None:
    reopened = _reopened(place)
    one_class = np.where(np.arange(len(reopened.labels)) == 0, "diseased", "normal")
    with pytest.raises(BenchError, match=r"^odd labels, repeat \d, fold \d: .*diseased"):
        list(refit(reopened.plan, [Study("odd labels", one_class, reopened.plan.folds)], jobs=1, observer=Observer()))


def test_the_partner_by_image_is_run_once_and_kept_out_of_the_leaderboard(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    folder = tmp_path / "copy"
    first = fitted(_reopened(folder), "image", jobs=1, observer=Observer())
    assert first.folder.parent.parent == folder / "results" / REFITS
    assert first.flags == ("LEAKY",)
    stamp = first.folder.stat().st_mtime_ns
    again = fitted(_reopened(folder), "image", jobs=1, observer=Observer())
    assert (again.folder, again.folder.stat().st_mtime_ns) == (first.folder, stamp)
    assert len(bench.open_results(folder / "results").experiments()) == 1
    assert fitted(_reopened(folder), "patient", jobs=1, observer=Observer()).folder.parent.parent == folder / "results"


def test_a_partner_that_the_results_hold_is_taken(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "copy")
    folder = tmp_path / "copy"
    theirs = bench.run("size", "knn", split="image", **_options(folder))
    reopened = reopen(next(e for e in bench.open_results(folder / "results").experiments() if not e.flags))
    assert fitted(reopened, "image", jobs=1, observer=Observer()).folder == theirs.folder
    assert not (folder / "results" / REFITS).exists()


def test_a_full_disk_ends_in_a_sentence(tmp_path: Path) -> None:
    told = pytest.raises(BenchError, match=r"\(No space left on device: there\)\. What was finished is kept")
    with told, disk_errors_as_bench_error(tmp_path, tmp_path / "store"):
        raise OSError(28, "No space left on device", "there")
