"""What spies wrote down is judged: patients on two sides, fits that saw a tested patient, labels of others."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from bench.contract.call_log import Fit, Ledger, Prediction, fits_that_saw, mistold_fits, torn_splits

UNITS = np.array(["a", "a", "b", "b", "c", "c", "d", "d"])
LABELS = np.array(["0", "0", "1", "1", "0", "0", "1", "1"])


class Named:
    """Stands for a splitter."""


def _asked(
    pairs: list[tuple[list[int], list[int]]], *, n_rows: int = 8, given: bool = False, groups: Any = None
) -> Any:
    ledger = Ledger()
    with ledger.during(Fit("classifier", np.arange(8), LABELS, UNITS)):
        call = ledger.asked(Named(), given=given, n_rows=n_rows, groups=groups)
        call.pairs.extend((np.array(a), np.array(b)) for a, b in pairs)
    return torn_splits(ledger)


WHOLE = [([0, 1, 2, 3], [4, 5, 6, 7])]
TORN = [([0, 1, 2, 3], [4, 5, 6, 7]), ([0, 2, 4, 6], [1, 3, 5, 7])]


def test_rows_of_the_fit_are_held_against_its_patients() -> None:
    assert _asked(WHOLE) == []
    assert _asked(TORN) == ["its Named puts cells of one patient on both sides (a)"]
    assert _asked(TORN, given=True, groups=np.arange(8)) == _asked(TORN)
    assert _asked(TORN, n_rows=-1) == _asked(TORN)


def test_a_split_of_the_patient_table_is_none_of_cells() -> None:
    assert _asked([([0, 1], [2, 3])], n_rows=4) == []
    assert _asked([([0], [1])], n_rows=3) == []


def test_a_split_of_some_rows_needs_groups_that_stay_whole() -> None:
    pairs = [([0, 1, 2], [3, 4])]
    assert _asked(pairs, n_rows=5) == ["it splits 5 rows with Named and without patients"]
    assert _asked(pairs, n_rows=5, groups=["a", "a", "a", "b", "b"]) == []
    assert len(_asked(pairs, n_rows=5, groups=["a", "a", "b", "b", "b"])) == 1


def test_the_engines_splitter_must_be_told_the_patients() -> None:
    assert _asked([], given=True) == ["it asks cv for splits without groups; call cv.split(X, y, groups)"]


def test_what_no_fit_asked_for_is_not_its_fault() -> None:
    ledger = Ledger()
    ledger.asked(Named(), given=False, n_rows=8, groups=None).pairs.append((np.array([0]), np.array([1])))
    assert torn_splits(ledger) == []


def test_a_fit_that_saw_a_tested_patient() -> None:
    ledger = Ledger()
    with ledger.during(Fit("extractor", np.array([0, 1, 2]), LABELS[:3], UNITS[:3])):
        pass
    assert fits_that_saw(ledger, UNITS, np.array([6, 7])) == []
    assert fits_that_saw(ledger, UNITS, np.array([3])) == ["the extractor is fitted on cells of b, who is tested"]


def test_a_prediction_of_a_patient_who_was_learned() -> None:
    ledger = Ledger(predictions=[Prediction(np.array([0, 2]), np.array([4, 5]))])
    assert fits_that_saw(ledger, UNITS, np.array([6, 7])) == []
    ledger.predictions.append(Prediction(np.array([0, 2]), np.array([1])))
    (found,) = fits_that_saw(ledger, UNITS, np.array([6, 7]))
    assert found == "cells of a are predicted by a model that was fitted on this patient"


@pytest.mark.parametrize(
    ("y", "groups", "what"),
    [
        (LABELS[[1, 2]], UNITS[[1, 2]], []),
        (LABELS[[0, 1]], UNITS[[1, 2]], ["labels"]),
        (LABELS[[1, 2]], UNITS[[2, 1]], ["patients"]),
        (None, None, ["labels", "patients"]),
    ],
)
def test_a_fit_with_labels_or_patients_of_others(y: Any, groups: Any, what: list[str]) -> None:
    ledger = Ledger(fits=[Fit("classifier", np.array([1, 2]), y, groups)])
    assert mistold_fits(ledger, LABELS, UNITS) == [
        f"the classifier is fitted with other {w} than its cells have" for w in what
    ]


def test_a_copy_of_a_ledger_is_the_ledger() -> None:
    """Estimators are cloned, and what their clones see must not be lost."""
    ledger = Ledger()
    assert copy.deepcopy({"ledger": ledger})["ledger"] is ledger
