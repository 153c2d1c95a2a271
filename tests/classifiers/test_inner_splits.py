"""Inner splits are patient-disjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.inner_splits import inner_splits, patient_folds


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=2, max_size=60))
def test_folds_are_patient_disjoint_with_all_classes(rows: list[tuple[int, int]]) -> None:
    codes = np.unique([c for c, _ in rows], return_inverse=True)[1]
    units = np.array([u for _, u in rows])
    splits = patient_folds(codes, units)
    for train, test in splits:
        assert not set(units[train]) & set(units[test])
        assert set(codes[train]) == set(codes)
        assert sorted([*train, *test]) == list(range(len(rows)))
    if splits:
        assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(rows)))


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.lists(st.integers(1, 9), min_size=2, max_size=12))
def test_patients_of_a_class_are_distributed_evenly(first: list[int], second: list[int]) -> None:
    sizes = [*first, *second]
    units = np.repeat(np.arange(len(sizes)), sizes)
    codes = (units >= len(first)).astype(np.intp)
    splits = patient_folds(codes, units)
    assert len(splits) == min(4, len(first), len(second))
    for of_class in (0, 1):
        counts = [len(set(units[test][codes[test] == of_class])) for _, test in splits]
        assert max(counts) - min(counts) <= 1


def test_large_patients_are_distributed() -> None:
    units = np.repeat(np.arange(8), [50, 1, 50, 1, 50, 1, 50, 1])
    codes = (units >= 4).astype(np.intp)
    sizes = [len(test) for _, test in patient_folds(codes, units, 2)]
    assert sizes == [102, 102]


def test_a_class_of_one_patient_cannot_be_split() -> None:
    units = np.array([0, 0, 1, 2])
    codes = np.array([0, 0, 1, 1])
    assert patient_folds(codes, units) == []


def test_a_splitter_receives_groups(spy: Any, planted: Any) -> None:
    data = planted()
    splits = inner_splits(spy, data.X, data.y, data.groups)
    assert len(splits) == 3
    (seen,) = spy.groups
    np.testing.assert_array_equal(seen, data.groups)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (5, "cv=5 would split cells"),
        ("prefit", "cv='prefit' would split cells"),
        ([], "cv has no split"),
        ([([0, 1, 2], [])], "split 0 of cv has an empty part"),
        ([([0, 2], [1, 3]), ([0, 1], [2, 3])], "split 0 of cv has patient a on both sides"),
        ([([0, 1], [2, 3])], "no cell of class 1"),
    ],
)
def test_invalid_splits_raise(cv: Any, message: str) -> None:
    y, units = np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "b"])
    with pytest.raises(ValueError, match=message):
        inner_splits(cv, np.zeros((4, 1)), y, units)
