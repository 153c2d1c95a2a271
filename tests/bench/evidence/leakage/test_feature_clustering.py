"""Intra-class correlations against published and known values, and what they leave of the number of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.evidence.leakage.feature_clustering import feature_clustering, score_clustering


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
