from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from extractors.networks.training.finder import find_rate

BETA = 0.98


def by_index(losses: Callable[[int], float]) -> Callable[[float], float]:
    """Loss as a function of the index of fastai 1's 100 rates, 1e-7 to 10."""
    return lambda rate: losses(round(100 * math.log10(rate / 1e-7) / 8))


def test_rates_are_those_of_fastai_1() -> None:
    curve = find_rate(lambda _: 1.0)
    assert len(curve.rates) == 100
    assert curve.rates[[0, 25, 50]] == pytest.approx([1e-7, 1e-5, 1e-3], rel=1e-9)
    assert curve.rates[99] == pytest.approx(10 / 10**0.08, rel=1e-9)
    assert curve.smoothed == pytest.approx(np.ones(100))


def test_smoothed_losses_are_the_weighted_mean_of_all_losses_so_far() -> None:
    losses = np.random.default_rng(0).uniform(1, 2, 100)
    curve = find_rate(by_index(lambda index: losses[index]))
    assert curve.losses == pytest.approx(losses)
    for last in (0, 1, 50, 99):
        weights = BETA ** np.arange(last, -1, -1.0)
        assert curve.smoothed[last] == pytest.approx(np.average(losses[: last + 1], weights=weights), rel=1e-9)


def test_the_suggestion_is_the_rate_where_the_loss_drops() -> None:
    # Loss 1, and 0 from index 40 on: the smoothed loss falls steepest, by central differences, at index 40.
    curve = find_rate(by_index(lambda index: float(index < 40)))
    expected = (BETA ** np.arange(1, 61) - BETA ** np.arange(41, 101)) / (1 - BETA ** np.arange(41, 101))
    assert curve.smoothed[40:] == pytest.approx(expected, rel=1e-9)
    assert curve.suggestion() == pytest.approx(1e-7 * 10**3.2, rel=1e-9)


def test_the_first_10_and_the_last_5_points_do_not_count() -> None:
    # After a drop at index 5, the smoothed loss falls ever less; index 10 is the first that counts.
    early = find_rate(by_index(lambda index: float(index < 5)))
    assert early.suggestion() == early.rates[10]
    # The larger drop at index 96 does not count, the smaller one at index 50 does.
    late = find_rate(by_index(lambda index: 2.0 if index < 50 else 1.9 if index < 96 else 0.0))
    assert np.argmin(np.gradient(late.smoothed)) > 95
    assert late.suggestion() == late.rates[50]


def test_the_search_ends_when_the_smoothed_loss_exceeds_4_times_its_minimum() -> None:
    # 30 losses of 1, then 50: the first mean over 4 solves (1 - b^m) 50 + (b^m - b^(30+m)) > 4 (1 - b^(30+m)).
    curve = find_rate(by_index(lambda index: 1.0 if index < 30 else 50.0))
    after = next(m for m in range(1, 70) if 49 * (1 - BETA**m) / (1 - BETA ** (30 + m)) + 1 > 4)
    assert len(curve.rates) == 30 + after == 32
    assert curve.smoothed[-1] > 4 > curve.smoothed[-2]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_search_ends_at_a_loss_that_is_not_finite(bad: float) -> None:
    curve = find_rate(by_index(lambda index: bad if index == 60 else 1 / (1 + index)))
    assert len(curve.rates) == 61
    assert 1e-7 < curve.suggestion() < curve.rates[56]


def test_no_suggestion_without_a_curve() -> None:
    with pytest.raises(ValueError, match="17 rates for a suggestion and has 2,"):
        find_rate(by_index(lambda index: 1000.0 ** (index - 1))).suggestion()
    with pytest.raises(ValueError, match="the loss falls at no rate"):
        find_rate(lambda rate: 1 + rate / 100).suggestion()


def test_17_points_are_enough() -> None:
    assert find_rate(by_index(lambda index: 2.0 - index / 100), iterations=100).suggestion() > 0
    assert find_rate(lambda rate: 1 / (1 + rate), iterations=17).suggestion() > 0
    with pytest.raises(ValueError, match="has 16,"):
        find_rate(lambda rate: 1 / (1 + rate), iterations=16).suggestion()
