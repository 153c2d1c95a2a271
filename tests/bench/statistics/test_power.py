"""Smallest detectable differences: an independent library, closed forms and simulated power."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from bench.statistics.corrected_t import corrected_t
from bench.statistics.power import detectable_difference

LEVELS = [0.05, 0.05 / 14, 0.05 / 20]


@pytest.mark.parametrize("folds", [3, 5, 10, 25, 50])
@pytest.mark.parametrize("level", LEVELS)
def test_the_shift_is_that_of_statsmodels(folds: int, level: float) -> None:
    """Its effect size is difference / SD of n independent values: noncentrality effect x sqrt(n)."""
    shift = detectable_difference(1.0, folds - 1, level=level)
    power = TTestPower().power(shift / math.sqrt(folds), folds, level / 2, alternative="larger")
    assert power == pytest.approx(0.8, abs=1e-6)


def test_a_normal_test_has_the_sum_of_two_quantiles() -> None:
    assert detectable_difference(0.02, math.inf, level=0.05) == pytest.approx(0.02 * (1.959964 + 0.841621), abs=1e-7)
    expected = norm.ppf(1 - 0.05 / 28) + norm.ppf(0.9)
    assert detectable_difference(1, math.inf, level=0.05 / 14, power=0.9) == pytest.approx(expected)


def test_an_unknown_error_gives_no_difference() -> None:
    assert math.isnan(detectable_difference(math.nan, 4, level=0.05))


def test_five_repeats_detect_less_than_half_of_what_one_repeat_needs() -> None:
    """SD of the fold differences s, ratio 1/4, 14 comparisons: 5 folds need 5.17 s, 25 folds 2.22 s."""
    one, five = (detectable_difference(math.sqrt(1 / n + 1 / 4), n - 1, level=0.05 / 14) for n in (5, 25))
    assert (one, five) == (pytest.approx(5.166, abs=1e-3), pytest.approx(2.221, abs=1e-3))


@pytest.mark.parametrize("studies", [800, pytest.param(20_000, marks=pytest.mark.study)])
@pytest.mark.parametrize(("folds", "tests"), [(5, 1), (5, 14), (25, 1), (25, 14)])
def test_the_stated_power_is_reached(folds: int, tests: int, studies: int) -> None:
    """Normal fold differences with the correlation of Nadeau and Bengio, ratio / (1 + ratio) with a ratio of 1/4."""
    rng = np.random.default_rng(folds)
    shared = 0.2
    error = math.sqrt((1 - shared) * (1 / folds + 1 / 4))
    true = detectable_difference(error, folds - 1, level=0.05 / tests)
    detected = 0
    for _ in range(studies):
        noise = math.sqrt(shared) * rng.normal() + math.sqrt(1 - shared) * rng.normal(size=folds)
        detected += corrected_t(true + noise, ratio=1 / 4).p <= 0.05 / tests
    print(f"{folds} folds, {tests} tests: power {detected / studies}")  # noqa: T201
    assert detected / studies == pytest.approx(0.8, abs=0.01 + 3 * math.sqrt(0.16 / studies))
