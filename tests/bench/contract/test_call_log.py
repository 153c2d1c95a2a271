"""Violations in the call log: separated patients, fits on test patients, labels of other cells."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from bench.contract.call_log import (
    CallLog,
    Fit,
    Prediction,
    fits_on_test_patients,
    mislabelled_fits,
    splits_across_patients,
)

UNITS = np.array(["a", "a", "b", "b", "c", "c", "d", "d"])
LABELS = np.array(["0", "0", "1", "1", "0", "0", "1", "1"])


class Named:
    """A splitter."""


def _violations(
    pairs: list[tuple[list[int], list[int]]], *, n_rows: int = 8, is_cv: bool = False, groups: Any = None
) -> Any:
    log = CallLog()
    with log.during(Fit("classifier", np.arange(8), LABELS, UNITS)):
        call = log.record_split(Named(), is_cv=is_cv, n_rows=n_rows, groups=groups)
        call.pairs.extend((np.array(a), np.array(b)) for a, b in pairs)
    return splits_across_patients(log)


GROUPED = [([0, 1, 2, 3], [4, 5, 6, 7])]
SEPARATED = [([0, 1, 2, 3], [4, 5, 6, 7]), ([0, 2, 4, 6], [1, 3, 5, 7])]


def test_splits_of_the_rows_of_a_fit_are_checked_by_its_patients() -> None:
    assert _violations(GROUPED) == []
    assert _violations(SEPARATED) == ["its Named puts cells of one patient on both sides (a)"]
    assert _violations(SEPARATED, is_cv=True, groups=np.arange(8)) == _violations(SEPARATED)
    assert _violations(SEPARATED, n_rows=-1) == _violations(SEPARATED)


def test_a_bag_of_patients_is_checked_by_its_own_groups() -> None:
    bag = ["a", "a", "a", "a", "b", "b", "d", "d"]
    assert _violations([([0, 1, 2, 3], [4, 5, 6, 7])], is_cv=True, groups=bag) == []
    divided = _violations([([0, 1, 4, 5], [2, 3, 6, 7])], is_cv=True, groups=bag)
    assert divided == ["its Named puts cells of one patient on both sides (a)"]
    moved = np.roll(UNITS, 1)  # the patients of the fit in another order
    assert _violations([([0, 1, 2, 3], [4, 5, 6, 7])], is_cv=True, groups=moved) == []
    assert len(_violations(SEPARATED, is_cv=True, groups=moved)) == 1


def test_a_split_of_the_patient_table_is_accepted() -> None:
    assert _violations([([0, 1], [2, 3])], n_rows=4) == []
    assert _violations([([0], [1])], n_rows=3) == []


def test_a_split_of_some_rows_needs_unseparated_groups() -> None:
    pairs = [([0, 1, 2], [3, 4])]
    assert _violations(pairs, n_rows=5) == ["it splits 5 rows with Named and without patients"]
    assert _violations(pairs, n_rows=5, groups=["a", "a", "a", "b", "b"]) == []
    assert len(_violations(pairs, n_rows=5, groups=["a", "a", "b", "b", "b"])) == 1


def test_the_splitter_of_the_engine_needs_groups() -> None:
    assert _violations([], is_cv=True) == ["it calls cv.split without groups; call cv.split(X, y, groups)"]


def test_splits_outside_a_fit_are_ignored() -> None:
    log = CallLog()
    log.record_split(Named(), is_cv=False, n_rows=8, groups=None).pairs.append((np.array([0]), np.array([1])))
    assert splits_across_patients(log) == []


def test_a_fit_on_a_test_patient() -> None:
    log = CallLog()
    with log.during(Fit("extractor", np.array([0, 1, 2]), LABELS[:3], UNITS[:3])):
        pass
    assert fits_on_test_patients(log, UNITS, np.array([6, 7])) == []
    assert fits_on_test_patients(log, UNITS, np.array([3])) == ["the extractor is fitted on cells of b, a test patient"]


def test_a_prediction_of_a_training_patient() -> None:
    log = CallLog(predictions=[Prediction(np.array([0, 2]), np.array([4, 5]))])
    assert fits_on_test_patients(log, UNITS, np.array([6, 7])) == []
    log.predictions.append(Prediction(np.array([0, 2]), np.array([1])))
    (message,) = fits_on_test_patients(log, UNITS, np.array([6, 7]))
    assert message == "cells of a are predicted by a model that was fitted on this patient"


@pytest.mark.parametrize(
    ("y", "groups", "what"),
    [
        (LABELS[[1, 2]], UNITS[[1, 2]], []),
        (LABELS[[0, 1]], UNITS[[1, 2]], ["labels"]),
        (LABELS[[1, 2]], UNITS[[2, 1]], ["patients"]),
        (None, None, ["labels", "patients"]),
    ],
)
def test_a_fit_with_labels_or_patients_of_other_cells(y: Any, groups: Any, what: list[str]) -> None:
    log = CallLog(fits=[Fit("classifier", np.array([1, 2]), y, groups)])
    assert mislabelled_fits(log, LABELS, UNITS) == [f"the classifier is fitted with {w} of other cells" for w in what]


def test_a_copy_of_a_log_is_the_same_log() -> None:
    """Estimators are cloned, and their clones share the log."""
    log = CallLog()
    assert copy.deepcopy({"log": log})["log"] is log
