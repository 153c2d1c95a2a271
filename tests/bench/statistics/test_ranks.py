"""Ranks of pipelines: Demsar's published table."""

import numpy as np
import pytest

from bench.statistics.ranks import friedman, nemenyi_difference, rank_distribution, win_rate

# Demsar 2006, table 6: AUC of four variants of C4.5 on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_friedman_of_demsar():
    result = friedman(DEMSAR)
    assert result.ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert (result.chi2, result.p) == pytest.approx((10.2283, 0.01672158), abs=5e-5)


def test_friedman_where_all_tie():
    result = friedman(np.ones((6, 3)))
    assert (result.chi2, result.p) == (0, 1)
    assert list(result.ranks) == [2, 2, 2]


def test_nemenyi_of_demsar():
    assert nemenyi_difference(4, 14) == pytest.approx(1.2536, abs=5e-5)  # published as 1.25


def test_wilcoxon_of_demsar():
    # Demsar's T = 12 for the first two columns: of ties at 0, half of the ranks go to either side (zsplit).
    from scipy.stats import wilcoxon  # noqa: PLC0415

    assert wilcoxon(DEMSAR[:, 0], DEMSAR[:, 1], zero_method="zsplit").statistic == 12


def test_ranks_of_drawn_scores():
    drawn = np.array([[0.9, 0.8, 0.7]] * 60 + [[0.7, 0.8, 0.9]] * 40 + [[np.nan, 1, 1]] * 5)
    result = rank_distribution(drawn)
    assert list(result["median"]) == [1, 2, 3]
    assert list(result["low"]) == [1, 2, 1]
    assert list(result["high"]) == [3, 2, 3]
    assert list(result["best"]) == pytest.approx([0.6, 0, 0.4])


def test_ties_share_the_first_place():
    assert list(rank_distribution(np.ones((10, 4)))["best"]) == [0.25] * 4


def test_win_rate():
    assert win_rate([1, 2, 3, -1]) == 0.75
    assert win_rate([1, 0]) == 0.75


def test_one_block_raises():
    with pytest.raises(ValueError, match="2 blocks"):
        friedman(DEMSAR[:1])
