"""Patient-weighted AUROC and its variance: by hand, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from bench.statistics.auroc import (
    Estimate,
    kernel_of,
    logit_interval,
    patient_weighted,
    patient_weighted_difference,
)

# EVALUATION.md, section 12: seven cells of four patients, by hand.
SCORES = np.array([0.8, 0.6, 0.55, 0.9, 0.5, 0.7, 0.1])
POSITIVE = np.array([1, 1, 1, 1, 0, 0, 0], dtype=bool)
PATIENTS = np.array(["a", "a", "b", "b", "c", "c", "d"])


def synthetic_scores(seed, patients=(9, 7), cells=12):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(sum(patients)), rng.integers(1, cells, size=sum(patients)))
    positive = units < patients[0]
    effect = rng.normal(size=sum(patients))[units]
    return positive + effect + rng.normal(size=len(units)), positive, units


def test_patient_weighted_by_hand():
    result = patient_weighted(kernel_of(SCORES, POSITIVE, PATIENTS))
    assert (result.auroc, result.variance) == pytest.approx((7 / 8, 1 / 64), abs=1e-15)
    assert logit_interval(result) == pytest.approx((0.427013, 0.985019), abs=5e-7)


@given(st.integers(0, 10_000))
def test_patient_weighted_is_scikit_learns_with_one_over_the_patients_cells(seed):
    scores, positive, units = synthetic_scores(seed)
    weights = 1 / np.bincount(units)[units]
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    assert patient_weighted(kernel_of(scores, positive, units)).auroc == pytest.approx(expected, abs=1e-12)


def test_ties_count_half():
    assert patient_weighted(kernel_of([1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 2, 3])).auroc == 0.5


def test_identical_models_do_not_differ():
    kernel = kernel_of(*synthetic_scores(1))
    result = patient_weighted_difference(kernel, kernel)
    assert (result.value, result.z, result.p) == (0, 0, 1)


def test_a_difference_that_all_patients_show_has_the_p_of_its_signs():
    positive, units = np.repeat([True, False], 3), np.arange(6)
    perfect = kernel_of(positive.astype(float), positive, units)
    constant = kernel_of(np.zeros(6), positive, units)
    result = patient_weighted_difference(perfect, constant)
    assert (result.value, result.z, result.p) == (0.5, np.inf, binomtest(3, 3).pvalue)
    assert patient_weighted_difference(constant, perfect).z == -np.inf


def test_models_of_different_cells_are_not_compared():
    first, second = (kernel_of(*synthetic_scores(seed)) for seed in (1, 2))
    assert first.share.shape == second.share.shape
    with pytest.raises(ValueError, match="different patients or cells"):
        patient_weighted_difference(first, second)


def test_one_patient_of_a_class_gives_no_paired_test():
    kernel, other = (kernel_of(s, [True, False, False], [0, 1, 2]) for s in ([0.5, 0.1, 0.9], [0.5, 0.1, 0.2]))
    result = patient_weighted_difference(kernel, other)
    assert result.value == -0.5
    assert np.isnan([result.z, result.p]).all()


@pytest.mark.parametrize(
    "estimate", [Estimate(1.0, 0.1), Estimate(0.0, 0.1), Estimate(0.7, 0.0), Estimate(0.7, np.nan)]
)
def test_no_interval_without_logit_or_variance(estimate):
    assert np.isnan(logit_interval(estimate)).all()


def test_one_patient_of_a_class_has_no_variance():
    kernel = kernel_of([0.1, 0.9, 0.8], [False, True, True], ["a", "b", "c"])
    assert np.isnan(patient_weighted(kernel).variance)


@pytest.mark.parametrize(
    ("scores", "positive", "groups", "message"),
    [
        ([0.1, 0.2], [True, False], ["x", "x"], "patient x has cells of both classes"),
        ([0.1, 0.2], [True, True], ["x", "y"], "both classes"),
        ([0.1, np.nan], [True, False], ["x", "y"], "not finite"),
    ],
)
def test_invalid_scores_raise(scores, positive, groups, message):
    with pytest.raises(ValueError, match=message):
        kernel_of(scores, positive, groups)
