"""Patient scores by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from bench.errors import BenchError
from bench.scores.aggregation import decide_cells, patient_scores

P = np.array([0.9, 0.2, 0.4, 0.7])
TWO = np.stack([1 - P, P], axis=1)
UNIT = np.array([0, 0, 0, 2])


def test_mean_logit_and_share_by_hand() -> None:
    decided = decide_cells(TWO, 0.3, 1)
    assert decided.tolist() == [1, 0, 1, 1]
    mean = patient_scores("mean", TWO, decided, UNIT, 3)
    assert mean[0] == pytest.approx([0.5, 0.5])
    assert np.isnan(mean[1]).all()
    assert mean[2] == pytest.approx([0.3, 0.7])
    assert patient_scores("logit", TWO, decided, UNIT, 3)[0, 1] == pytest.approx(expit(logit(P[:3]).mean()))
    assert patient_scores("share", TWO, decided, UNIT, 3)[[0, 2]] == pytest.approx(np.array([[1 / 3, 2 / 3], [0, 1]]))


@pytest.mark.parametrize("rule", ["mean", "logit", "share"])
def test_scores_of_many_classes_sum_to_one(rule: str) -> None:
    p = np.random.default_rng(0).dirichlet([1, 1, 1, 1], 30)
    result = patient_scores(rule, p, decide_cells(p, np.nan, 0), np.arange(30) % 5, 5)
    assert result.shape == (5, 4)
    assert result.sum(axis=1) == pytest.approx(1)


def test_probabilities_of_zero_and_one_have_a_mean_logit() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    result = patient_scores("logit", p, decide_cells(p, 0.5, 1), np.zeros(3, dtype=np.intp), 1)
    assert np.isfinite(result).all()
    assert result[0, 1] > 0.999


def test_equal_means_tie_whatever_the_order_of_their_cells() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1])
    result = patient_scores("mean", np.stack([1 - p, p], axis=1), np.zeros(6, dtype=np.intp), np.arange(6) // 3, 2)
    assert sum(p[:3]) != sum(p[3:])
    assert result[0, 1] == result[1, 1]


def test_two_classes_by_threshold_whichever_is_positive_and_more_by_the_largest() -> None:
    assert decide_cells(TWO, 0.4, 1).tolist() == [1, 0, 1, 1]
    assert decide_cells(TWO, 0.4, 0).tolist() == [1, 0, 0, 1]
    three = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    assert decide_cells(three, np.nan, 0).tolist() == [0, 2]


def test_an_unknown_rule() -> None:
    with pytest.raises(BenchError, match="one of mean, logit, share"):
        patient_scores("median", TWO, decide_cells(TWO, 0.5, 1), UNIT, 3)
