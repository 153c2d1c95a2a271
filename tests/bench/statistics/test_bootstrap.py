"""The patient bootstrap against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics.bootstrap import patient_draws, percentile_interval


def test_the_standard_error_of_patient_means_0_0_1_1_is_a_quarter() -> None:
    """EVALUATION 12: sqrt(1/4 / 4), where all patients are drawn from one bag."""
    draws = patient_draws(np.zeros(4, dtype=np.intp), 40_000, seed=0)
    means = draws @ np.array([0.0, 0.0, 1.0, 1.0]) / 4
    assert abs(means.std() - 0.25) < 0.003  # three standard errors of the SD: 0.25 / sqrt(80,000) * 3


def test_drawn_within_classes_their_means_do_not_vary() -> None:
    draws = patient_draws(np.array([0, 0, 1, 1]), 1000, seed=0)
    assert np.all(draws @ np.array([0.0, 0.0, 1.0, 1.0]) == 2)


def test_every_replicate_has_the_patients_of_each_class() -> None:
    classes = np.array([2, 0, 0, 1, 2, 0, 1, 0])
    draws = patient_draws(classes, 500, seed=1)
    assert draws.shape == (500, 8)
    for label, count in ((0, 4), (1, 2), (2, 2)):
        assert np.all(draws[:, classes == label].sum(axis=1) == count)
    assert np.all(draws == np.floor(draws))
    assert abs(draws.mean(axis=0) - 1).max() < 0.15
    # A multinomial count of n draws among n has the variance 1 - 1/n.
    assert abs(draws[:, classes == 0].var() - 3 / 4) < 0.1


def test_one_seed_gives_one_set_of_draws() -> None:
    classes = np.array([0, 0, 1, 1])
    assert np.array_equal(patient_draws(classes, 50, seed=3), patient_draws(classes, 50, seed=3))
    assert not np.array_equal(patient_draws(classes, 50, seed=3), patient_draws(classes, 50, seed=4))


def test_the_percentile_interval() -> None:
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))
    low, high = percentile_interval(np.arange(101.0), level=0.5)
    assert (low, high) == (25.0, 75.0)


def test_undefined_replicates_are_left_out() -> None:
    values = np.concatenate([np.arange(1001.0), np.full(500, np.nan)])
    assert percentile_interval(values) == pytest.approx((25.0, 975.0))
    assert np.isnan(percentile_interval(np.full(3, np.nan))).all()
