"""Permutation tests of patients: by hand and by enumeration."""

from itertools import permutations, product

import numpy as np
import pytest

from bench.statistics.auroc import kernel_of, patient_weighted
from bench.statistics.permutation import permutation_p, sign_flip, swap_test


def synthetic_scores(seed, patients=(4, 3), cells=5):
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(sum(patients)), rng.integers(1, cells, size=sum(patients)))
    positive = units < patients[0]
    scores = [positive + rng.normal(size=sum(patients))[units] + rng.normal(size=len(units)) for _ in range(2)]
    return (*scores, positive, units)


def test_sign_flip_by_hand():
    result = sign_flip([0.1, 0.2, 0.3, 0.4])
    assert result.p == 2 / 16
    assert result.floor == 2 / 16


def test_sign_flip_of_one_patient_has_p_1():
    assert sign_flip([0.3]).p == 1.0


def test_sign_flip_at_random_stays_above_its_floor():
    result = sign_flip(np.arange(1, 31) / 10, permutations=999)
    assert result.p == result.floor == 2 / 1000


def test_sign_flip_enumerates_all_signs_up_to_the_requested_number():
    result = sign_flip(np.arange(1, 15) / 10, permutations=2**14)
    assert result.permutations == 2**14
    assert result.p == result.floor == 2 / 2**14


def test_swap_test_equals_the_full_enumeration_by_rescoring():
    # Another route: swap the ranks of whole patients, and score both models anew, for each of the 2^7 swaps.
    from scipy.stats import rankdata  # noqa: PLC0415

    first, second, positive, units = synthetic_scores(1)
    a, b = rankdata(first), rankdata(second)

    def difference(swapped):
        flip = np.asarray(swapped)[units]
        one, two = np.where(flip, b, a), np.where(flip, a, b)
        return (
            patient_weighted(kernel_of(one, positive, units)).auroc
            - patient_weighted(kernel_of(two, positive, units)).auroc
        )

    null = np.array([difference(s) for s in product([False, True], repeat=7)])
    result = swap_test(first, second, positive, units)
    assert result.value == pytest.approx(null[0], abs=1e-14)
    assert result.p == np.mean(np.abs(null) >= abs(null[0]) - 1e-12)
    assert result.permutations == 128


def test_identical_models_have_p_1():
    first, _, positive, units = synthetic_scores(2)
    assert swap_test(first, first, positive, units).p == 1.0
    assert swap_test(first, np.exp(first), positive, units).p == 1.0  # the same ranks on another scale


def test_a_model_beats_noise():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(28), 20)
    positive = units < 13
    good = 2.0 * positive + rng.normal(size=28)[units] + rng.normal(size=len(units))
    result = swap_test(good, rng.normal(size=len(units)), positive, units)
    assert result.p < 0.05
    assert result.floor == 1 / 10_001


def test_two_and_two_patients_with_perfect_separation():
    # By hand: of the 6 ways to deal two positive labels to four patients, one reaches the observed score.
    score = np.array([1.0, 2.0, 3.0, 4.0])

    def separation(labels):
        return score[np.asarray(labels) == 1].mean() - score[np.asarray(labels) == 0].mean()

    others = [separation(p) for p in set(permutations([0, 0, 1, 1])) if p != (0, 0, 1, 1)]
    assert permutation_p(separation([0, 0, 1, 1]), others) == pytest.approx(1 / 6)


@pytest.mark.parametrize("null", [[0.1, np.nan], [np.inf]])
def test_scores_that_are_none_are_refused(null):
    with pytest.raises(ValueError, match="not finite"):
        permutation_p(0.5, null)
