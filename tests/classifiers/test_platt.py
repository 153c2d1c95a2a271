"""The sigmoid compared with closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from classifiers.platt import fit_sigmoid


def test_two_decision_values_are_fitted_exactly() -> None:
    # With two values the fit is exact: the weighted mean target of each.
    decisions = np.array([-3.0] * 4 + [5.0] * 6)
    positive = np.array([True, False, False, False] + [True] * 5 + [False])
    weights = np.array([2.0, 1, 1, 1, 1, 1, 1, 1, 1, 3])
    high, low = (7 + 1) / (7 + 2), 1 / (6 + 2)
    expected = [(2 * high + 3 * low) / 5, (5 * high + 3 * low) / 8]
    sigmoid = fit_sigmoid(decisions, positive, weights)
    np.testing.assert_allclose(sigmoid(np.array([-3.0, 5.0])), expected, rtol=1e-9)


def test_scale_invariance() -> None:
    rng = np.random.default_rng(0)
    decisions = rng.normal(size=80)
    positive = decisions + rng.normal(size=80) > 0
    plain = fit_sigmoid(decisions, positive, np.ones(80))
    scaled = fit_sigmoid(1e6 * decisions + 3e6, positive, np.ones(80))
    np.testing.assert_allclose(scaled(1e6 * decisions + 3e6), plain(decisions), rtol=1e-8)


def test_separable_classes_get_probabilities_below_one() -> None:
    decisions = np.repeat([-1.0, 1.0], 10)
    sigmoid = fit_sigmoid(decisions, decisions > 0, np.ones(20))
    np.testing.assert_allclose(sigmoid(np.array([-1.0, 1.0])), [1 / 12, 11 / 12], rtol=1e-9)


def test_constant_decision_values_give_the_mean_target() -> None:
    sigmoid = fit_sigmoid(np.full(6, 2.0), np.arange(6) < 2, np.ones(6))
    assert sigmoid(np.array([-9.0, 9.0])) == pytest.approx([(2 * 3 / 4 + 4 * 1 / 6) / 6] * 2)


def test_the_ranking_is_never_inverted() -> None:
    decisions = np.linspace(-1, 1, 20)
    sigmoid = fit_sigmoid(decisions, decisions < 0, np.ones(20))
    probabilities = sigmoid(decisions)
    assert (np.diff(probabilities) > 0).all()
    np.testing.assert_allclose(probabilities, 0.5, atol=1e-3)
