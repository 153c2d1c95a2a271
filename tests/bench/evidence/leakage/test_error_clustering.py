"""Clustering of errors in patients, against independent errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.evidence.leakage.error_clustering import error_clustering

TWO = {"classes": ("healthy", "sick"), "positive": "sick"}


def _table(right: dict[str, list[bool]], *, threshold: float = 0.5, repeat: int = 0) -> pd.DataFrame:
    """Patients `h...` are healthy, `s...` sick; each cell is decided rightly or not."""
    rows = []
    for unit, cells in right.items():
        for ok in cells:
            positive = ok == unit.startswith("s")
            p = threshold + (0.1 if positive else -0.1)
            label = "sick" if unit.startswith("s") else "healthy"
            rows.append({"unit": unit, "label": label, "p_sick": p, "p_healthy": 1 - p})
    return pd.DataFrame(rows).assign(repeat=repeat, fold=0, threshold=threshold, patient_threshold=threshold)


def test_shares_and_what_independent_errors_would_give() -> None:
    """Healthy: cells right 2/2, 1/2, so q = 3/4; sick: 3/3, 0/3, so q = 1/2."""
    result = error_clustering(
        _table({"h1": [True] * 2, "h2": [True, False], "s1": [True] * 3, "s2": [False] * 3}), **TWO
    )
    assert result is not None
    assert result.patients == 4
    assert (result.all_right, result.all_wrong) == (0.5, 0.25)
    assert result.all_right_expected == pytest.approx((2 * 0.75**2 + 2 * 0.5**3) / 4)
    assert result.all_wrong_expected == pytest.approx((2 * 0.25**2 + 2 * 0.5**3) / 4)


def test_the_threshold_of_the_fold_decides() -> None:
    table = _table({"h1": [True] * 2, "s1": [True] * 2}, threshold=0.8)
    result = error_clustering(table, **TWO)
    assert result is not None
    assert result.all_right == 1


def test_cells_that_err_one_by_one_give_what_is_expected() -> None:
    rng = np.random.default_rng(0)
    patients = {f"{kind}{i}": list(rng.random(4) < 0.8) for i in range(2000) for kind in "hs"}
    result = error_clustering(_table(patients), **TWO)
    assert result is not None
    assert result.all_right == pytest.approx(result.all_right_expected, abs=0.02)
    assert result.all_right_expected == pytest.approx(0.8**4, abs=0.02)


def test_repeats_are_averaged_and_single_cells_left_out() -> None:
    both = [
        _table({"h1": [True] * 2, "s1": [True] * 2, "s2": [True]}),
        _table({"h1": [False] * 2, "s1": [True] * 2, "s2": [True]}, repeat=1),
    ]
    result = error_clustering(pd.concat(both, ignore_index=True), **TWO)
    assert result is not None
    assert result.patients == 2
    assert (result.all_right, result.all_wrong) == (0.75, 0.25)
    assert error_clustering(_table({"h1": [True], "s1": [False]}), **TWO) is None


def test_of_more_classes_the_likeliest_is_decided() -> None:
    rows = [("a", "A", 0.5, 0.3, 0.2), ("a", "A", 0.4, 0.3, 0.3), ("b", "B", 0.4, 0.3, 0.3), ("b", "B", 0.4, 0.3, 0.3)]
    table = pd.DataFrame(rows, columns=["unit", "label", "p_A", "p_B", "p_C"])
    more = pd.DataFrame([("c", "C", 0.1, 0.2, 0.7)] * 2, columns=table.columns)
    joined = pd.concat([table, more], ignore_index=True)
    expected = joined.assign(repeat=0, fold=0, threshold=np.nan, patient_threshold=np.nan)
    result = error_clustering(expected, classes=("A", "B", "C"), positive=None)
    assert result is not None
    assert (result.all_right, result.all_wrong) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
