"""One-sided bounds at the end of the range of a score."""

import numpy as np
import pytest
from reference.clopper_pearson import clopper_pearson

from bench.statistics.boundary import lower_bound_at_one


@pytest.mark.parametrize(("units", "bound"), [(1, 0.05), (2, 0.223607), (10, 0.741134), (50, 0.941844), (59, 0.950492)])
def test_the_bound_is_the_root_of_the_error_probability(units: int, bound: float) -> None:
    """.05 ** (1 / n); 59 of 59 is the smallest sample that shows a rate above .95."""
    assert lower_bound_at_one(units) == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize("units", [3, 10, 28])
def test_it_is_the_one_sided_bound_of_clopper_and_pearson(units: int) -> None:
    low, high = clopper_pearson(units, units, level=0.9)
    assert (lower_bound_at_one(units), high) == (pytest.approx(low, abs=1e-12), 1)


def test_without_units_there_is_no_bound() -> None:
    assert np.isnan(lower_bound_at_one(0))


@pytest.mark.parametrize("mean", [0.6, 0.8, 0.9, 0.99])
def test_it_covers_a_mean_of_unequal_units(mean: float) -> None:
    """Units that reach 1 with unequal probabilities: the bound is above the true mean in at most 5 % of the studies."""
    rng = np.random.default_rng(0)
    probability = np.clip(mean + np.linspace(-0.1, 0.1, 10), 0, 1)
    perfect = (rng.random((20_000, 10)) < probability).all(axis=1)
    if lower_bound_at_one(10) > probability.mean():
        assert perfect.mean() <= 0.05
