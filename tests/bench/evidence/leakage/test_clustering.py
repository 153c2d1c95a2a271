"""Intra-class correlations against published and known values, and what they leave of the number of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.evidence.leakage.clustering import error_clustering, feature_clustering, score_clustering


def test_the_highest_features_are_named_and_constant_ones_do_not_count() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(40), 20)
    own = rng.normal(size=(40, 400))[units]
    share = np.linspace(0, 0.9, 400)
    values = np.sqrt(share) * own + np.sqrt(1 - share) * rng.normal(size=own.shape)
    values[:, 7] = 1
    names = [f"f{i}" for i in range(400)]
    result = feature_clustering(values.astype(np.float32), names, np.where(units % 2, "a", "b"), units)
    assert result is not None
    assert result.features == 399
    assert result.median == pytest.approx(0.45, abs=0.03)
    assert len(result.top) == 5
    assert all(int(name[1:]) > 370 for name, _ in result.top)
    assert feature_clustering(np.ones((len(units), 1)), ["one"], np.where(units % 2, "a", "b"), units) is None


def _predictions(logits: np.ndarray, units: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
    p = 1 / (1 + np.exp(-logits))
    label = np.where(units % 2, "sick", "healthy")
    expected = {"unit": units.astype(str), "label": label, "repeat": 0, "fold": fold, "p_sick": p, "p_healthy": 1 - p}
    return pd.DataFrame(expected)


def test_scores_of_patients_give_design_effect_and_effective_cells() -> None:
    """73 patients of 146 cells, ICC 0.3: design effect 1 + 145 x 0.3 = 44.5, 10,658 / 44.5 = 239.5 cells."""
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(73), 146)
    logits = np.sqrt(0.3) * rng.normal(size=73)[units] + np.sqrt(0.7) * rng.normal(size=len(units))
    result = score_clustering(_predictions(logits, units, units % 5), classes=("healthy", "sick"))
    assert result is not None
    assert result.cells == 10658
    assert result.icc == pytest.approx(0.3, abs=0.06)
    assert result.design_effect == pytest.approx(1 + 145 * result.icc, abs=1e-9)
    assert result.effective_cells == pytest.approx(10658 / result.design_effect)


def test_mean_score_of_a_fold_is_not_a_patient_correlation() -> None:
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(60), 20)
    fold = units // 2 % 5
    result = score_clustering(
        _predictions(rng.normal(size=len(units)) + 2.0 * fold - 4, units, fold), classes=("healthy", "sick")
    )
    assert result is not None
    assert result.icc == pytest.approx(0, abs=0.03)
    assert result.design_effect < 1.7


def test_constant_scores_have_none() -> None:
    units = np.repeat(np.arange(12), 4)
    assert score_clustering(_predictions(np.zeros(48), units, units % 3), classes=("healthy", "sick")) is None


def test_features_that_differ_between_classes_are_counted_with_patients_as_the_error_term() -> None:
    """Of 20 features, 3 differ by four standard deviations of the patients; the rest differ in cells alone."""
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(40), 25)
    labels = np.where(units % 2, "a", "b")
    values = rng.normal(size=(40, 20))[units] + rng.normal(size=(len(units), 20))
    values[:, :3] += 4.0 * (units % 2)[:, None]
    names = [f"f{i}" for i in range(20)]
    result = feature_clustering(values, names, labels, units)
    assert result is not None
    assert result.differing == 3
    assert result.of_class + result.of_patients + result.of_cells == pytest.approx(1)
    # Class, patients, cells: variances 4, 1, 1 in three features, 0, 1, 1 in the others.
    assert result.of_class == pytest.approx((3 * 4 / 6) / 20, abs=0.04)
    mixed = feature_clustering(values, names, np.where(np.arange(len(units)) % 2, "a", "b"), units)
    assert mixed is not None
    assert mixed.differing is None


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
