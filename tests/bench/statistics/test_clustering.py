"""Nested analysis of variance and design effect: published, closed forms, SciPy, statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway, ttest_ind
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from bench.statistics.clustering import design_effect, effective_cells, nested_anova

# Shrout and Fleiss 1979, Psychological Bulletin 86:420, table 2: 6 targets, 4 judges.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def synthetic_scores(correlation, *, seed, patients=60, shift=3.0):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 40, patients)
    units = np.repeat(np.arange(patients), sizes)
    strata = units % 2
    values = np.sqrt(correlation) * rng.normal(size=patients)[units] + np.sqrt(1 - correlation) * rng.normal(
        size=len(units)
    )
    return values + shift * strata, strata, units


def test_shrout_and_fleiss():
    result = nested_anova(RATINGS.reshape(-1, 1), np.zeros(24), np.repeat(np.arange(6), 4))
    assert result.icc[0] == pytest.approx(0.165742, abs=5e-7)  # published as .17


def test_mean_squares_are_those_of_statsmodels():
    """Unequal patients in two classes: the nested_anova analysis of variance by least squares."""
    values, strata, units = synthetic_scores(0.4, seed=1)
    table = pd.DataFrame({"y": values, "stratum": strata.astype(str), "unit": units.astype(str)})
    anova = anova_lm(ols("y ~ C(stratum)", table).fit(), ols("y ~ C(unit)", table).fit())
    between, within = int(anova["df_diff"][1]), int(anova["df_resid"][1])
    msb, msw = anova["ss_diff"][1] / between, anova["ssr"][1] / within
    sizes = table.groupby(["stratum", "unit"]).size()
    n0 = (len(table) - (sizes**2).groupby("stratum").sum().div(sizes.groupby("stratum").sum()).sum()) / between
    result = nested_anova(values[:, None], strata, units)
    assert result.icc[0] == pytest.approx((msb - msw) / (msb + (n0 - 1) * msw), abs=1e-9)
    mean, classes = ols("y ~ 1", table).fit(), ols("y ~ C(stratum)", table).fit()
    msc = mean.ssr - classes.ssr
    means = table.groupby(["stratum", "unit"])["y"].mean()
    expected = f_oneway(means["0"], means["1"])
    assert (result.f[0], result.p[0]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    shares = np.array([msc, anova["ss_diff"][1], anova["ssr"][1]]) / mean.ssr
    assert (result.of_class[0], result.of_patients[0], result.of_cells[0]) == pytest.approx(tuple(shares), rel=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
def test_true_correlation_is_recovered_whatever_the_class_difference(correlation):
    result = [
        nested_anova(v[:, None], s, u).icc[0]
        for v, s, u in (synthetic_scores(correlation, seed=i, shift=50) for i in range(200))
    ]
    assert np.mean(result) == pytest.approx(correlation, abs=0.02)


def test_missing_values_leave_their_cells_out():
    values, strata, units = synthetic_scores(0.5, seed=3)
    missing = np.random.default_rng(0).random(len(values)) < 0.3
    with_holes = np.where(missing, np.nan, values)
    both = nested_anova(np.column_stack([with_holes, values]), strata, units).icc
    assert both[0] == pytest.approx(
        nested_anova(values[~missing, None], strata[~missing], units[~missing]).icc[0], abs=1e-12
    )
    assert both[1] == pytest.approx(nested_anova(values[:, None], strata, units).icc[0], abs=1e-12)


def test_a_large_offset_loses_no_digits():
    values, strata, units = synthetic_scores(0.5, seed=4)
    plain, far = (nested_anova((values + offset)[:, None], strata, units).icc[0] for offset in (0.0, 1e8))
    assert far == pytest.approx(plain, abs=1e-5)


def test_what_has_no_correlation_is_not_a_number():
    values, strata, units = synthetic_scores(0.5, seed=5)
    assert np.isnan(nested_anova(np.full((len(units), 1), 3.7), strata, units).icc[0])
    assert np.isnan(nested_anova(strata[:, None].astype(float), strata, units).icc[0]), "nothing varies within a class"
    assert np.isnan(nested_anova(values[:, None], strata, np.arange(len(units))).icc[0]), "single cells"
    assert np.isnan(nested_anova(values[:, None], strata, strata).icc[0]), "one patient a class"
    assert np.isnan(nested_anova(np.full((len(units), 1), np.nan), strata, units).icc[0])


def test_design_effect_of_the_specification():
    assert design_effect(np.full(73, 146), 0.3) == pytest.approx(44.5)
    assert effective_cells(np.full(73, 146), 0.3) == pytest.approx(239.5, abs=0.05)


def test_design_effect_without_correlation_or_with_one_cell_each():
    assert design_effect([5, 9, 20], 0.0) == design_effect([5, 9, 20], -0.1) == 1.0
    assert design_effect([1, 1, 1], 0.9) == 1.0


def test_f_is_the_anova_of_patient_means_for_equal_cells():
    rng = np.random.default_rng(2)
    units = np.repeat(np.arange(14), 6)
    labels = np.where(units < 8, "a", "b")
    values = (units < 8) * 0.5 + rng.normal(size=14)[units] + rng.normal(size=len(units))
    means = values.reshape(14, 6).mean(axis=1)
    result, expected = nested_anova(values[:, None], labels, units), f_oneway(means[:8], means[8:])
    assert (result.f[0], result.p[0]) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)
    assert result.f[0] == pytest.approx(ttest_ind(means[:8], means[8:]).statistic ** 2, rel=1e-10)


def test_f_keeps_its_level_whatever_the_patients_cells_and_cells_as_the_error_term_would_not():
    """Classes that do not differ, half of the variance between patients; 2000 features, SE .005."""
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(28), rng.integers(5, 60, size=28))
    labels = np.where(np.arange(28) < 13, "a", "b")[units]
    values = rng.normal(size=(28, 2000))[units] + rng.normal(size=(len(units), 2000))
    assert np.mean(nested_anova(values, labels, units).p <= 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(nested_anova(values, labels, np.arange(len(units))).p <= 0.05) > 0.5


@pytest.mark.parametrize("constant", [0.1, 0.7, 1e6 + 0.1])
def test_a_constant_feature_has_nothing(constant):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), rng.integers(1, 90, size=12))
    result = nested_anova(np.full((len(groups), 1), constant), np.where(groups < 5, "a", "b"), groups)
    assert np.isnan([result.f, result.p, result.icc, result.of_class, result.of_patients, result.of_cells]).all()


def test_f_has_no_bound_where_patients_of_a_class_are_alike():
    result = nested_anova(np.array([[0.0], [0.0], [1.0], [1.0]]), ["a", "a", "b", "b"], [0, 1, 2, 3])
    assert (result.f[0], result.p[0], result.of_class[0]) == (np.inf, 0.0, 1.0)


def test_without_patients_of_one_class_each_there_is_no_f():
    values = np.array([[1.0], [2.0], [3.0], [5.0]])
    for labels, groups in (("abab", [0, 0, 1, 2]), ("aaaa", [0, 0, 1, 1]), ("aabb", [0, 0, 1, 1])):
        result = nested_anova(values, list(labels), groups)
        assert np.isnan([result.f[0], result.p[0]]).all()
