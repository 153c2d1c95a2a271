"""Corrected t-tests: closed forms, scikit-learn's gallery, baycomp."""

import numpy as np
import pytest
from baycomp import two_on_single
from scipy.stats import binomtest, ttest_1samp
from sklearn.datasets import make_moons
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.svm import SVC

from bench.statistics.corrected_t import corrected_t, correlated_posterior

FOLDS = np.array([0.01, 0.02, 0.03, 0.04, 0.05])  # EVALUATION.md, section 12


def test_closed_form():
    result = corrected_t(FOLDS, ratio=1 / 4)
    assert result.t == pytest.approx(2 * np.sqrt(2), abs=1e-12)
    assert result.p == pytest.approx(0.0474206556, abs=1e-9)


def test_without_correction_it_is_the_paired_t():
    result, expected = corrected_t(FOLDS, ratio=0), ttest_1samp(FOLDS, 0)
    assert result.t == pytest.approx(3 * np.sqrt(2), abs=1e-12)
    assert (result.t, result.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)
    assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval()), rel=1e-12)


def test_interval_and_p_value_agree():
    differences = FOLDS - 0.01
    result = corrected_t(differences, ratio=1 / 4)
    shifted = corrected_t(differences - result.low, ratio=1 / 4)
    assert shifted.p == pytest.approx(0.05, abs=1e-12)


def test_bayesian_answers_of_the_specification():
    none = correlated_posterior(FOLDS, ratio=1 / 4, rope=0)
    assert (none.above, none.below) == pytest.approx((0.97628967, 0.02371033), abs=1e-8)
    some = correlated_posterior(FOLDS, ratio=1 / 4, rope=0.01)
    assert (some.above, some.inside, some.below) == pytest.approx((0.93379054, 0.05641770, 0.00979176), abs=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_bayesian_is_baycomps(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(0.8, 0.05, size=(2, 25))
    left, rope, right = two_on_single(first, second, rope=0.01, runs=5)  # its correlation is 1/k: ratio 1/(k - 1)
    result = correlated_posterior(first - second, ratio=1 / 4, rope=0.01)
    assert (result.above, result.inside, result.below) == pytest.approx((left, rope, right), abs=1e-9)


def test_the_gallery_example_of_scikit_learn():
    # "Statistical comparison of models using grid search": t .750, one-sided p .227; uncorrected 2.611 and .005. The
    # posterior of Corani and Benavoli has the same Student's t, so that P(above 0) is 1 less the one-sided p.
    X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    rbf, linear = (cross_val_score(SVC(kernel=k), X, y, scoring="roc_auc", cv=cv) for k in ("rbf", "linear"))
    result, naive = corrected_t(rbf - linear, ratio=10 / 90), corrected_t(rbf - linear, ratio=0)
    assert (result.t, result.p / 2, naive.t, naive.p / 2) == pytest.approx((0.750, 0.227, 2.611, 0.005), abs=5e-4)
    above = correlated_posterior(rbf - linear, ratio=10 / 90, rope=0).above
    assert above == pytest.approx(1 - result.p / 2, abs=1e-12)


def test_equal_pipelines():
    result = corrected_t(np.zeros(5), ratio=0.25)
    assert (result.mean, result.p) == (0.0, 1.0)
    assert np.isnan([result.low, result.high, correlated_posterior(np.zeros(5), ratio=0.25).inside]).all()


@pytest.mark.parametrize("difference", [0.5, 0.1, -0.3])
@pytest.mark.parametrize("folds", [2, 5, 25])
def test_equal_differences_on_all_folds_have_no_interval_and_the_p_of_their_signs(difference, folds):
    result = corrected_t(np.full(folds, difference), ratio=0.25)
    assert (result.mean, result.t) == (difference, np.copysign(np.inf, difference))
    assert result.p == pytest.approx(binomtest(folds, folds).pvalue, rel=1e-12)
    share = correlated_posterior(np.full(folds, difference), ratio=0.25)
    assert np.isnan([result.low, result.high, share.below, share.inside, share.above]).all()


def test_the_rounding_of_sums_is_no_difference():
    result = corrected_t(np.full(25, 2.0**-53), ratio=0.25)
    assert (result.mean, result.p) == (0.0, 1.0)


@pytest.mark.parametrize("differences", [[0.1], [0.1, np.nan], [[0.1, 0.2], [0.1, 0.2]]])
def test_what_is_no_row_of_differences_is_refused(differences):
    with pytest.raises(ValueError, match=r"difference|shape"):
        corrected_t(differences, ratio=0.25)


def test_negative_ratio_and_rope_are_refused():
    with pytest.raises(ValueError, match="ratio=-1"):
        corrected_t(FOLDS, ratio=-1)
    with pytest.raises(ValueError, match="rope"):
        correlated_posterior(FOLDS, ratio=0.25, rope=-0.01)
