"""Rules of ensembles against hand-computed values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from classifiers.combination_rules import LEARNED, RULES, TIE, OutOfFold, check_rule, combination

TWO_CELLS = np.array([[[0.8, 0.2], [0.4, 0.6], [0.4, 0.6]], [[0.1, 0.9], [0.7, 0.3], [0.4, 0.6]]])
"""Probabilities of three members for two cells."""


def _reference(probabilities: Any, codes: Any) -> OutOfFold:
    return OutOfFold(np.asarray(probabilities, dtype=float), np.asarray(codes), np.arange(len(codes)))


def test_mean_by_hand() -> None:
    np.testing.assert_allclose(combination("mean", 3)(TWO_CELLS)[:, 1], [1.4 / 3, 1.8 / 3], rtol=1e-15)


def test_weighted_mean_by_hand() -> None:
    combined = combination("mean", 3, weights=(2, 1, 1))(TWO_CELLS)
    np.testing.assert_allclose(combined[:, 1], [(0.4 + 0.6 + 0.6) / 4, (1.8 + 0.3 + 0.6) / 4], rtol=1e-15)


@pytest.mark.parametrize("members", [2, 3, 7, 10])
def test_the_mean_of_equal_members_is_the_member_bit_for_bit(members: int) -> None:
    p = np.random.default_rng(0).random(2000)
    one = np.stack([1 - p, p], axis=1)
    np.testing.assert_array_equal(combination("mean", members)(np.stack([one] * members, axis=1)), one)


def test_majority_is_the_share_of_votes() -> None:
    combined = combination("majority", 3)(TWO_CELLS)
    np.testing.assert_allclose(combined[:, 1], [2 / 3, 2 / 3], atol=2 * TIE)
    np.testing.assert_allclose(combined.sum(axis=1), 1, atol=1e-15)


def test_majority_weighs_votes() -> None:
    np.testing.assert_allclose(combination("majority", 3, weights=(3, 1, 1))(TWO_CELLS)[:, 1], [0.4, 0.8], atol=2 * TIE)


def test_the_mean_probability_decides_between_equal_votes() -> None:
    tied = np.array([[[0.9, 0.1], [0.4, 0.6]], [[0.6, 0.4], [0.1, 0.9]]])
    combined = combination("majority", 2)(tied)
    assert combined.argmax(axis=1).tolist() == [0, 1]
    # (1/2 + TIE * 0.65) / (1 + TIE)
    np.testing.assert_allclose(combined[:, 0], [(0.5 + TIE * 0.65) / (1 + TIE), (0.5 + TIE * 0.35) / (1 + TIE)])


def test_ranks_by_hand() -> None:
    second = np.array([[0.1, 0.5], [0.2, 0.5], [0.3, 0.7], [0.4, 0.9]])
    reference = _reference(np.stack([1 - second, second], axis=2), [0, 0, 1, 1])
    cell = np.array([[[0.75, 0.25], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]])
    combined = combination("rank", 2, out_of_fold=reference)(cell)
    # 0.25 is above 2 of 4; 0.5 equals 2 of 4 and is above none: (2/4 + 1/4) / 2. 0 is below all, 1 above all.
    np.testing.assert_allclose(combined, [[0.625, 0.375], [0.5, 0.5]])


def test_ranks_do_not_depend_on_the_scale_of_a_member() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.random((40, 2)), rng.random((10, 2))
    scaled = [np.stack([a[:, 0], a[:, 1] / 1000], axis=1) for a in (p, q)]
    combined = [
        combination("rank", 2, out_of_fold=_reference(np.stack([1 - a, a], axis=2), np.arange(40) % 2))(
            np.stack([1 - b, b], axis=2)
        )
        for a, b in ((p, q), (scaled[0], scaled[1]))
    ]
    np.testing.assert_allclose(combined[0], combined[1])


def test_ranks_of_three_classes_sum_to_one() -> None:
    reference = _reference(np.full((4, 2, 3), 1 / 3), [0, 1, 2, 0])
    combined = combination("rank", 2, out_of_fold=reference)(np.array([[[0.5, 0.5, 0.0]] * 2, [[0.2, 0.2, 0.6]] * 2]))
    np.testing.assert_allclose(combined, [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])


def test_stacking_weighs_the_informative_member() -> None:
    rng = np.random.default_rng(2)
    codes = np.arange(200) % 2
    good, noise = expit(rng.normal(size=200) + 4 * codes - 2), rng.random(200)
    second = np.stack([good, noise], axis=1)
    stack = combination("stack", 2, out_of_fold=_reference(np.stack([1 - second, second], axis=2), codes))
    slopes = stack.model.coef_[0]  # type: ignore[attr-defined]
    assert slopes[0] > 0.8
    assert abs(slopes[1]) < 0.3
    # The probability is that of the logistic regression on logits.
    cell = np.array([[[0.3, 0.7], [0.6, 0.4]]])
    expected = expit(stack.model.intercept_[0] + slopes @ logit([0.7, 0.4]))  # type: ignore[attr-defined]
    np.testing.assert_allclose(stack(cell)[0, 1], expected)


def test_stacking_solves_the_equations_of_the_penalised_likelihood() -> None:
    rng = np.random.default_rng(3)
    codes, second = np.arange(60) % 2, rng.uniform(0.05, 0.95, size=(60, 2))
    stack = combination("stack", 2, out_of_fold=_reference(np.stack([1 - second, second], axis=2), codes))
    X, model = logit(second), stack.model  # type: ignore[attr-defined]
    residual = codes - expit(X @ model.coef_[0] + model.intercept_[0])
    # Gradient of sum(log likelihood) - |w|^2 / 2, with the intercept unpenalised: 0 at the optimum.
    np.testing.assert_allclose(X.T @ residual - model.coef_[0], 0, atol=1e-4)
    assert residual.sum() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("rule", LEARNED)
def test_learned_rules_need_out_of_fold_probabilities(rule: str) -> None:
    with pytest.raises(ValueError, match=f"^rule={rule} is learned on out-of-fold probabilities"):
        combination(rule, 2)


def test_stacking_needs_every_class() -> None:
    with pytest.raises(ValueError, match=r"^rule=stack: no out-of-fold .* class number 1$"):
        combination("stack", 2, out_of_fold=_reference(np.full((4, 2, 2), 0.5), [0, 0, 0, 0]))


@pytest.mark.parametrize(
    ("rule", "weights", "members", "message"),
    [
        ("median", (), ("a", "b"), "rule='median' is not known; it is one of mean, rank, majority, stack"),
        ("mean", (), ("a",), "at least two members are combined, not 1: write members=svm.knn"),
        ("mean", (1.0,), ("a", "b"), "weights=1.0: one positive number for each of the 2 members is expected"),
        ("mean", (1.0, -1.0), ("a", "b"), r"weights=1.0\+-1.0: one positive number"),
        ("mean", ("x", "y"), ("a", "b"), r"weights=x\+y: one positive number"),
        ("stack", (1.0, 1.0), ("a", "b"), "rule=stack learns the weights of the members; leave out weights"),
    ],
)
def test_wrong_parameters_are_sentences(rule: str, weights: Any, members: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        check_rule(rule, weights, members)


def test_right_parameters_pass() -> None:
    for rule in RULES:
        check_rule(rule, (), ("a", "b"))
    check_rule("mean", (1, 0.5), ("a", "b"))
