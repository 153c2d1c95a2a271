"""The rule for missing values that depend on the class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.features.class_differences import MIN_DIFFERENCE, class_shares
from bench.scores.metrics import weighted_auroc


def _reported(**shares: list[float]) -> bool:
    index = pd.MultiIndex.from_tuples(
        [(label, f"{label}{i}") for label, values in shares.items() for i in range(len(values))],
        names=["label", "unit"],
    )
    column = np.concatenate([np.array(values, dtype=float) for values in shares.values()])
    return bool(class_shares(pd.DataFrame({0: column}, index=index))[1][0])


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], True),
        ([0.0, 0.0], [0.25, 0.25], True),
        ([0.0, 0.0], [0.125, 0.125], False),  # differs by less than 0.2
        ([0.0, 0.0, 1.0], [1.0, 1.0, 0.0], False),  # 1/3 with a standard error of 0.47
        ([0.1, 0.2, 0.0], [0.9, 0.8, 1.0], True),  # 0.8 with a standard error of 0.08
        ([0.0], [1.0, 1.0], False),  # one patient: no standard error
        ([0.5, 0.5], [0.5, 0.5], False),
    ],
)
def test_difference_and_standard_error(a: list[float], b: list[float], expected: bool) -> None:
    assert _reported(a=a, b=b) is expected
    assert _reported(a=b, b=a) is (expected if len(a) > 1 else False)


def test_the_two_classes_that_differ_most_decide() -> None:
    assert _reported(a=[0.5, 0.5], b=[0.1, 0.1], c=[0.4, 0.4])
    assert not _reported(a=[0.5, 0.5], b=[0.4, 0.4], c=[0.45, 0.45])
    assert not _reported(a=[0.5, 0.7])


def test_the_smallest_difference_is_an_auroc_of_0_6() -> None:
    # Four patients of ten cells: missing in 30 % of the cells of two of them and in 50 % of those of the others.
    missing = np.concatenate([np.arange(10) < n for n in (3, 3, 5, 5)])
    patients, positive = np.repeat(np.arange(4), 10), np.repeat([False, False, True, True], 10)
    assert weighted_auroc(missing.astype(float), positive, patients) == pytest.approx((1 + MIN_DIFFERENCE) / 2)


def test_false_alarms_are_rare_where_patients_differ_and_classes_do_not() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(300):
        # Beta(1/2, 1/2): most patients have nearly all or nearly no values.
        alarms += _reported(a=rng.beta(0.5, 0.5, 10).tolist(), b=rng.beta(0.5, 0.5, 10).tolist())
    assert alarms / 300 < 0.02
