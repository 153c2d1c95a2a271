"""AUROC variances: by hand, against MLstatkit, and against the patient-weighted AUROC of single cells."""

import numpy as np
import pytest
from reference.delong import delong, delong_difference, obuchowski
from sklearn.metrics import roc_auc_score

from bench.statistics.auroc import kernel_of, patient_weighted, patient_weighted_difference

# Seven cells of four patients, by hand.
SCORES = np.array([0.8, 0.6, 0.55, 0.9, 0.5, 0.7, 0.1])
POSITIVE = np.array([1, 1, 1, 1, 0, 0, 0], dtype=bool)
PATIENTS = np.array(["a", "a", "b", "b", "c", "c", "d"])


def synthetic_scores(seed, patients=(9, 7), cells=12):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(sum(patients)), rng.integers(1, cells, size=sum(patients)))
    positive = units < patients[0]
    effect = rng.normal(size=sum(patients))[units]
    return positive + effect + rng.normal(size=len(units)), positive, units


def test_delong_by_hand():
    result = delong(SCORES, POSITIVE)
    assert result.auroc == pytest.approx(5 / 6, abs=1e-15)
    assert result.variance == pytest.approx(1 / 27, abs=1e-15)


def test_obuchowski_by_hand():
    result = obuchowski(kernel_of(SCORES, POSITIVE, PATIENTS))
    assert (result.auroc, result.variance) == pytest.approx((5 / 6, 1 / 81), abs=1e-15)


def test_with_one_cell_a_patient_all_three_agree():
    scores, positive, _ = synthetic_scores(3)
    kernel = kernel_of(scores, positive, np.arange(len(scores)))
    expected = delong(scores, positive)
    for result in (obuchowski(kernel), patient_weighted(kernel)):
        assert (result.auroc, result.variance) == pytest.approx((expected.auroc, expected.variance), rel=1e-12)


def test_copies_of_every_cell_change_nothing_but_delong():
    scores, positive, units = synthetic_scores(5)
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

    first, positive, _ = synthetic_scores(seed)
    second = first + np.random.default_rng(seed).normal(size=len(first))
    result = delong_difference(first, second, positive)
    z, p = Delong_test(positive.astype(int), first, second)[:2]
    assert abs(result.z) == pytest.approx(abs(z), rel=1e-9)  # its sign is that of second minus first
    assert result.p == pytest.approx(p, rel=1e-9)
    assert np.sign(result.z) == np.sign(roc_auc_score(positive, first) - roc_auc_score(positive, second))


def test_paired_difference_of_singletons_is_delongs():
    first, positive, _ = synthetic_scores(2)
    second = first + np.random.default_rng(2).normal(size=len(first))
    units = np.arange(len(first))
    result = patient_weighted_difference(kernel_of(first, positive, units), kernel_of(second, positive, units))
    assert result.z == pytest.approx(delong_difference(first, second, positive).z, rel=1e-10)


def test_ties_count_half():
    assert delong([1, 1, 1, 1], [1, 1, 0, 0]).auroc == 0.5


def test_one_patient_of_a_class_has_no_clustered_variance():
    kernel = kernel_of([0.1, 0.9, 0.8], [False, True, True], ["a", "b", "c"])
    assert np.isnan(obuchowski(kernel).variance)
