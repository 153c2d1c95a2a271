"""Weights of cells compared with closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from classifiers.weighting import row_weights

CODES = np.array([0, 0, 0, 0, 1, 1])
UNITS = np.array(["a", "a", "a", "b", "c", "c"])


def test_patients_of_a_class_have_equal_weights() -> None:
    # Six rows: 3 for each class; class 0: 1.5 for each of a and b; class 1: 3 for c.
    np.testing.assert_allclose(row_weights(CODES, UNITS, "patients"), [0.5, 0.5, 0.5, 1.5, 1.5, 1.5])


def test_balanced_cells_equal_scikit_learn() -> None:
    np.testing.assert_allclose(row_weights(CODES, UNITS, "cells"), compute_sample_weight("balanced", CODES))


def test_none_gives_unit_weights() -> None:
    np.testing.assert_array_equal(row_weights(CODES, UNITS, "none"), np.ones(6))


def test_rows_without_groups_are_balanced_as_cells() -> None:
    np.testing.assert_allclose(
        row_weights(CODES, np.arange(6), "patients"), row_weights(CODES, np.arange(6), "cells"), rtol=1e-15
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=40))
def test_totals(rows: list[tuple[int, int]]) -> None:
    codes = np.unique([c for c, _ in rows], return_inverse=True)[1]
    units = np.array([u for _, u in rows])
    weights = row_weights(codes, units, "patients")
    assert weights.mean() == pytest.approx(1)
    assert np.ptp(np.bincount(codes, weights)) == pytest.approx(0, abs=1e-9)
    for code in np.unique(codes):
        totals = [weights[(codes == code) & (units == u)].sum() for u in np.unique(units[codes == code])]
        assert np.ptp(totals) == pytest.approx(0, abs=1e-9)
