"""Intraclass correlation, design effect and nested F: published, closed forms, SciPy."""

import numpy as np
import pytest
from scipy.stats import f_oneway, ttest_ind

from bench.statistics.clustering import centred_by_class, design_effect, effective_cells, icc, nested_f

# Shrout and Fleiss 1979, Psychological Bulletin 86:420, table 2: 6 targets, 4 judges.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


def test_shrout_and_fleiss():
    found = icc(RATINGS.ravel(), np.repeat(np.arange(6), 4))
    assert found == pytest.approx(0.165742, abs=5e-7)  # published as .17


def test_each_feature_apart_and_gaps_left_out():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), rng.integers(2, 9, size=30))
    values = rng.normal(size=30)[groups, None] * [0, 1, 3] + rng.normal(size=(len(groups), 3))
    gaps = values.copy()
    gaps[::7, 1] = np.nan
    there = ~np.isnan(gaps[:, 1])
    found = icc(gaps, groups)
    assert found[0] == pytest.approx(icc(values[:, 0], groups), abs=1e-12)
    assert found[1] == pytest.approx(icc(values[there, 1], groups[there]), abs=1e-12)
    assert found[0] < found[1] < found[2]


def test_simulated_truth():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(3000), rng.integers(2, 12, size=3000))
    for truth in (0.0, 0.3, 0.8):
        values = np.sqrt(truth) * rng.normal(size=3000)[groups] + np.sqrt(1 - truth) * rng.normal(size=len(groups))
        assert icc(values, groups) == pytest.approx(truth, abs=0.02)


def test_a_shift_changes_nothing():
    groups = np.repeat(np.arange(6), 4)
    assert icc(RATINGS.ravel() + 1e6, groups) == pytest.approx(icc(RATINGS.ravel(), groups), abs=1e-9)


def test_undefined_where_nothing_can_be_told():
    assert np.isnan(icc([1.0, 2.0, 3.0], [0, 1, 2]))  # no second cell of any patient
    assert np.isnan(icc([1.0, 2.0, 3.0], [0, 0, 0]))  # one patient
    assert np.isnan(icc(np.ones(6), [0, 0, 1, 1, 2, 2]))  # constant


def test_design_effect_of_the_specification():
    assert design_effect(np.full(73, 146), 0.3) == pytest.approx(44.5)
    assert effective_cells(np.full(73, 146), 0.3) == pytest.approx(239.5, abs=0.05)


def test_design_effect_without_correlation_or_with_one_cell_each():
    assert design_effect([5, 9, 20], 0.0) == design_effect([5, 9, 20], -0.1) == 1.0
    assert design_effect([1, 1, 1], 0.9) == 1.0


def test_nested_f_is_the_anova_of_patient_means_for_equal_cells():
    rng = np.random.default_rng(2)
    units = np.repeat(np.arange(14), 6)
    labels = np.where(units < 8, "a", "b")
    values = (units < 8) * 0.5 + rng.normal(size=14)[units] + rng.normal(size=len(units))
    means = values.reshape(14, 6).mean(axis=1)
    found, expected = nested_f(values, labels, units), f_oneway(means[:8], means[8:])
    assert (found.f, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)
    assert found.f == pytest.approx(ttest_ind(means[:8], means[8:]).statistic ** 2, rel=1e-10)
    assert (found.df_class, found.df_patients) == (1, 12)


@pytest.mark.parametrize("constant", [0.1, 0.7, 1e6 + 0.1])
def test_a_constant_feature_has_neither_f_nor_icc(constant):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), rng.integers(1, 90, size=12))
    found = nested_f(np.full(len(groups), constant), np.where(groups < 5, "a", "b"), groups)
    assert np.isnan([found.f, found.p]).all()
    assert np.isnan(icc(np.full(len(groups), constant), groups))


def test_f_has_no_bound_where_patients_of_a_class_are_alike():
    found = nested_f([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"], [0, 1, 2, 3])
    assert (found.f, found.p) == (np.inf, 0.0)


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        nested_f([0.0, np.nan, 1.0, 1.0], ["a", "a", "b", "b"], [0, 1, 2, 3])


def test_patients_lie_within_classes():
    with pytest.raises(ValueError, match="two classes"):
        nested_f([1.0, 2.0, 3.0], ["a", "b", "a"], [0, 0, 1])
    with pytest.raises(ValueError, match="leave nothing"):
        nested_f([1.0, 2.0], ["a", "b"], [0, 1])


def test_centring_takes_the_class_away_and_leaves_the_patients():
    labels, groups = np.array(["a", "a", "a", "b", "b"]), np.array([0, 0, 1, 2, 2])
    found = centred_by_class(np.array([[0.0], [2.0], [4.0], [7.0], [np.nan]]), labels, groups)
    assert found[:, 0] == pytest.approx([-2.5, -0.5, 1.5, 0.0, np.nan], nan_ok=True)  # class a: mean of 1 and 4
