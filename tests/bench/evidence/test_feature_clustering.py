"""Intra-class correlations against published and known values, and what they leave of the number of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench.evidence.feature_clustering import feature_clustering, nested_icc, score_clustering
from bench.statistics import clustering

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout and Fleiss (1979), table 2: six targets, four judges; ICC(1) = .17, with more digits .165742."""


def _nested(icc: float, *, seed: int, patients: int = 60, shift: float = 3.0):  # type: ignore[no-untyped-def]  # arrays
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, patients)
    units = np.repeat(np.arange(patients), sizes)
    strata = units % 2
    values = np.sqrt(icc) * rng.normal(size=patients)[units] + np.sqrt(1 - icc) * rng.normal(size=len(units))
    return values + shift * strata, strata, units


def test_the_published_example() -> None:
    values = np.array(SHROUT_FLEISS, dtype=np.float64).reshape(-1, 1)
    icc = nested_icc(values, np.zeros(24), np.repeat(np.arange(6), 4))
    assert icc[0] == pytest.approx(0.165742, abs=1e-6)


def test_one_stratum_gives_the_plain_correlation() -> None:
    values, _, units = _nested(0.4, seed=7)
    plain = clustering.icc(values, units)
    assert nested_icc(values[:, None], np.zeros(len(units)), units)[0] == pytest.approx(float(plain), abs=1e-12)


def test_mean_squares_are_those_of_statsmodels() -> None:
    """Unequal patients in two classes: the nested analysis of variance by least squares."""
    values, strata, units = _nested(0.4, seed=1)
    table = pd.DataFrame({"y": values, "stratum": strata.astype(str), "unit": units.astype(str)})
    anova = anova_lm(ols("y ~ C(stratum)", table).fit(), ols("y ~ C(unit)", table).fit())
    between, within = int(anova["df_diff"][1]), int(anova["df_resid"][1])
    msb, msw = anova["ss_diff"][1] / between, anova["ssr"][1] / within
    sizes = table.groupby(["stratum", "unit"]).size()
    n0 = (len(table) - (sizes**2).groupby("stratum").sum().div(sizes.groupby("stratum").sum()).sum()) / between
    assert nested_icc(values[:, None], strata, units)[0] == pytest.approx(
        (msb - msw) / (msb + (n0 - 1) * msw), abs=1e-9
    )


@pytest.mark.parametrize("icc", [0.0, 0.3, 0.8])
def test_the_true_correlation_is_found_whatever_the_classes_differ_by(icc: float) -> None:
    found = [nested_icc(v[:, None], s, u)[0] for v, s, u in (_nested(icc, seed=i, shift=50) for i in range(200))]
    assert np.mean(found) == pytest.approx(icc, abs=0.02)


def test_missing_values_leave_their_cells_out() -> None:
    values, strata, units = _nested(0.5, seed=3)
    missing = np.random.default_rng(0).random(len(values)) < 0.3
    with_holes = np.where(missing, np.nan, values)
    both = nested_icc(np.column_stack([with_holes, values]), strata, units)
    assert both[0] == pytest.approx(nested_icc(values[~missing, None], strata[~missing], units[~missing])[0], abs=1e-12)
    assert both[1] == pytest.approx(nested_icc(values[:, None], strata, units)[0], abs=1e-12)


def test_a_large_offset_loses_no_digits() -> None:
    values, strata, units = _nested(0.5, seed=4)
    plain, far = (nested_icc((values + offset)[:, None], strata, units)[0] for offset in (0.0, 1e8))
    assert far == pytest.approx(plain, abs=1e-5)


def test_what_has_no_correlation_is_not_a_number() -> None:
    values, strata, units = _nested(0.5, seed=5)
    assert np.isnan(nested_icc(np.full((len(units), 1), 3.7), strata, units)[0])
    assert np.isnan(nested_icc(strata[:, None].astype(float), strata, units)[0]), "nothing varies within a class"
    assert np.isnan(nested_icc(values[:, None], strata, np.arange(len(units)))[0]), "single cells"
    assert np.isnan(nested_icc(values[:, None], strata, strata)[0]), "one patient a class"
    assert np.isnan(nested_icc(np.full((len(units), 1), np.nan), strata, units)[0])


def test_the_highest_features_are_named_and_constant_ones_do_not_count() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(40), 20)
    own = rng.normal(size=(40, 400))[units]
    share = np.linspace(0, 0.9, 400)
    values = np.sqrt(share) * own + np.sqrt(1 - share) * rng.normal(size=own.shape)
    values[:, 7] = 1
    names = [f"f{i}" for i in range(400)]
    found = feature_clustering(values.astype(np.float32), names, np.where(units % 2, "a", "b"), units)
    assert found is not None
    assert found.features == 399
    assert found.median == pytest.approx(0.45, abs=0.03)
    assert len(found.top) == 5
    assert all(int(name[1:]) > 370 for name, _ in found.top)
    assert feature_clustering(np.ones((len(units), 1)), ["one"], np.where(units % 2, "a", "b"), units) is None


def _predictions(logits: np.ndarray, units: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
    p = 1 / (1 + np.exp(-logits))
    label = np.where(units % 2, "sick", "healthy")
    told = {"unit": units.astype(str), "label": label, "repeat": 0, "fold": fold, "p_sick": p, "p_healthy": 1 - p}
    return pd.DataFrame(told)


def test_scores_of_patients_give_design_effect_and_effective_cells() -> None:
    """73 patients of 146 cells, ICC 0.3: design effect 1 + 145 x 0.3 = 44.5, 10,658 / 44.5 = 239.5 cells."""
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(73), 146)
    logits = np.sqrt(0.3) * rng.normal(size=73)[units] + np.sqrt(0.7) * rng.normal(size=len(units))
    found = score_clustering(_predictions(logits, units, units % 5), classes=("healthy", "sick"))
    assert found is not None
    assert found.cells == 10658
    assert found.icc == pytest.approx(0.3, abs=0.06)
    assert found.design_effect == pytest.approx(1 + 145 * found.icc, abs=1e-9)
    assert found.effective_cells == pytest.approx(10658 / found.design_effect)


def test_the_level_of_a_folds_model_is_no_likeness_of_patients() -> None:
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(60), 20)
    fold = units // 2 % 5
    found = score_clustering(
        _predictions(rng.normal(size=len(units)) + 2.0 * fold - 4, units, fold), classes=("healthy", "sick")
    )
    assert found is not None
    assert found.icc == pytest.approx(0, abs=0.03)
    assert found.design_effect < 1.7


def test_constant_scores_have_none() -> None:
    units = np.repeat(np.arange(12), 4)
    assert score_clustering(_predictions(np.zeros(48), units, units % 3), classes=("healthy", "sick")) is None
