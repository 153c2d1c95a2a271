"""AUROCs and their variances: by hand, and by scikit-learn and MLstatkit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from bench.statistics.auroc import (
    Estimate,
    delong,
    delong_difference,
    kernel_of,
    logit_interval,
    obuchowski,
    patient_weighted,
    patient_weighted_difference,
)

# EVALUATION.md, section 12: seven cells of four patients, by hand.
SCORES = np.array([0.8, 0.6, 0.55, 0.9, 0.5, 0.7, 0.1])
POSITIVE = np.array([1, 1, 1, 1, 0, 0, 0], dtype=bool)
PATIENTS = np.array(["a", "a", "b", "b", "c", "c", "d"])


def made_up(seed, patients=(9, 7), cells=12):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(sum(patients)), rng.integers(1, cells, size=sum(patients)))
    positive = units < patients[0]
    effect = rng.normal(size=sum(patients))[units]
    return positive + effect + rng.normal(size=len(units)), positive, units


def test_delong_by_hand():
    found = delong(SCORES, POSITIVE)
    assert found.auroc == pytest.approx(5 / 6, abs=1e-15)
    assert found.variance == pytest.approx(1 / 27, abs=1e-15)


def test_obuchowski_by_hand():
    found = obuchowski(kernel_of(SCORES, POSITIVE, PATIENTS))
    assert (found.auroc, found.variance) == pytest.approx((5 / 6, 1 / 81), abs=1e-15)


def test_patient_weighted_by_hand():
    found = patient_weighted(kernel_of(SCORES, POSITIVE, PATIENTS))
    assert (found.auroc, found.variance) == pytest.approx((7 / 8, 1 / 64), abs=1e-15)
    assert logit_interval(found) == pytest.approx((0.427013, 0.985019), abs=5e-7)


@given(st.integers(0, 10_000))
def test_patient_weighted_is_scikit_learns_with_one_over_the_patients_cells(seed):
    scores, positive, units = made_up(seed)
    weights = 1 / np.bincount(units)[units]
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    assert patient_weighted(kernel_of(scores, positive, units)).auroc == pytest.approx(expected, abs=1e-12)


def test_with_one_cell_a_patient_all_three_agree():
    scores, positive, _ = made_up(3)
    kernel = kernel_of(scores, positive, np.arange(len(scores)))
    expected = delong(scores, positive)
    for found in (obuchowski(kernel), patient_weighted(kernel)):
        assert (found.auroc, found.variance) == pytest.approx((expected.auroc, expected.variance), rel=1e-12)


def test_copies_of_every_cell_change_nothing_but_delong():
    scores, positive, units = made_up(5)
    copied = [np.repeat(x, 9) for x in (scores, positive, units)]
    for estimator in (obuchowski, patient_weighted):
        once, nine = estimator(kernel_of(scores, positive, units)), estimator(kernel_of(*copied))
        assert (nine.auroc, nine.variance) == pytest.approx((once.auroc, once.variance), rel=1e-12)
    shrunk = delong(copied[0], copied[1]).variance / delong(scores, positive).variance
    # Each class's part of the variance shrinks by (n - 1) / (9 n - 1), a little less than 1/9.
    factors = [(n - 1) / (9 * n - 1) for n in (positive.sum(), (~positive).sum())]
    assert min(factors) <= shrunk <= max(factors) < 1 / 9


@pytest.mark.parametrize("seed", range(3))
def test_paired_delong_is_that_of_an_independent_library(seed):
    from MLstatkit import Delong_test  # noqa: PLC0415 (prints when imported)

    first, positive, _ = made_up(seed)
    second = first + np.random.default_rng(seed).normal(size=len(first))
    found = delong_difference(first, second, positive)
    z, p = Delong_test(positive.astype(int), first, second)[:2]
    assert abs(found.z) == pytest.approx(abs(z), rel=1e-9)  # its sign is that of second minus first
    assert found.p == pytest.approx(p, rel=1e-9)
    assert np.sign(found.z) == np.sign(roc_auc_score(positive, first) - roc_auc_score(positive, second))


def test_ties_count_half():
    assert delong([1, 1, 1, 1], [1, 1, 0, 0]).auroc == 0.5
    assert patient_weighted(kernel_of([1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 2, 3])).auroc == 0.5


def test_identical_models_do_not_differ():
    kernel = kernel_of(*made_up(1))
    found = patient_weighted_difference(kernel, kernel)
    assert (found.value, found.z, found.p) == (0, 0, 1)


def test_a_difference_that_all_patients_show_is_the_limit():
    positive, units = np.repeat([True, False], 3), np.arange(6)
    perfect = kernel_of(positive.astype(float), positive, units)
    constant = kernel_of(np.zeros(6), positive, units)
    found = patient_weighted_difference(perfect, constant)
    assert (found.value, found.z, found.p) == (0.5, np.inf, 0.0)
    assert patient_weighted_difference(constant, perfect).z == -np.inf


def test_models_of_different_cells_are_not_compared():
    first, second = (kernel_of(*made_up(seed)) for seed in (1, 2))
    assert first.share.shape == second.share.shape
    with pytest.raises(ValueError, match="different patients or cells"):
        patient_weighted_difference(first, second)


def test_one_patient_of_a_class_gives_no_paired_test():
    kernel, other = (kernel_of(s, [True, False, False], [0, 1, 2]) for s in ([0.5, 0.1, 0.9], [0.5, 0.1, 0.2]))
    found = patient_weighted_difference(kernel, other)
    assert found.value == -0.5
    assert np.isnan([found.z, found.p]).all()


def test_paired_difference_of_singletons_is_delongs():
    first, positive, _ = made_up(2)
    second = first + np.random.default_rng(2).normal(size=len(first))
    units = np.arange(len(first))
    found = patient_weighted_difference(kernel_of(first, positive, units), kernel_of(second, positive, units))
    assert found.z == pytest.approx(delong_difference(first, second, positive).z, rel=1e-10)


@pytest.mark.parametrize(
    "estimate", [Estimate(1.0, 0.1), Estimate(0.0, 0.1), Estimate(0.7, 0.0), Estimate(0.7, np.nan)]
)
def test_no_interval_without_logit_or_variance(estimate):
    assert np.isnan(logit_interval(estimate)).all()


def test_one_patient_of_a_class_has_no_variance():
    kernel = kernel_of([0.1, 0.9, 0.8], [False, True, True], ["a", "b", "c"])
    assert np.isnan(patient_weighted(kernel).variance)
    assert np.isnan(obuchowski(kernel).variance)


@pytest.mark.parametrize(
    ("scores", "positive", "groups", "said"),
    [
        ([0.1, 0.2], [True, False], ["x", "x"], "patient x has cells of both classes"),
        ([0.1, 0.2], [True, True], ["x", "y"], "both classes"),
        ([0.1, np.nan], [True, False], ["x", "y"], "not finite"),
    ],
)
def test_what_cannot_be_scored_is_said(scores, positive, groups, said):
    with pytest.raises(ValueError, match=said):
        kernel_of(scores, positive, groups)
