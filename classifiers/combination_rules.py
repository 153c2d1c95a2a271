"""Rules that combine the probabilities of several classifiers: mean, ranks, majority and stacking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from classifiers.feature_classifier import Codes, Floats, Units
from classifiers.weighting import row_weights

RULES = ("mean", "rank", "majority", "stack")
"""The values of the parameter `rule`."""

LEARNED = ("rank", "stack")
"""Rules that are learned on out-of-fold probabilities."""

TIE = 1e-6
"""Weight of the mean probability beside the share of votes; it decides between classes with equal votes."""

SMALLEST = 1e-6
"""Probabilities are clipped to [SMALLEST, 1 - SMALLEST] before their logit is stacked."""

Combine = Callable[[Floats], Floats]
"""Probabilities of shape (n_cells, n_members, n_classes) to combined ones of shape (n_cells, n_classes)."""


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold probabilities of training cells.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_cells, n_members, n_classes)
        Probabilities of each member.
    codes : ndarray of int, shape (n_cells,)
        Class codes.
    units : ndarray, shape (n_cells,)
        The patient of each cell.
    """

    probabilities: Floats
    codes: Codes
    units: Units


@dataclass(frozen=True)
class Mean:
    """Weighted mean of the probabilities; exactly the probabilities of one member if all are equal."""

    shares: Floats

    def __call__(self, probabilities: Floats) -> Floats:
        """Combine probabilities."""
        return _mean(probabilities, self.shares)


@dataclass(frozen=True)
class Majority:
    """Weighted share of the votes, one vote of each member for its most probable class (the first of equal ones).

    The mean probability is added with the weight `TIE`, so that it decides between classes with equal votes.
    """

    shares: Floats

    def __call__(self, probabilities: Floats) -> Floats:
        """Combine probabilities."""
        votes = np.eye(probabilities.shape[2])[probabilities.argmax(axis=2)]
        combined = _mean(votes, self.shares) + TIE * _mean(probabilities, self.shares)
        return np.asarray(combined / combined.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True)
class Rank:
    """Weighted mean of the ranks of each member's probabilities among its reference probabilities.

    The rank of p is the share of reference values below p plus half of the share equal to p, from 0 to 1. With two
    classes it is that of the second class, and the first class has the rest. With more classes, the mean ranks of a
    cell are divided by their sum; if all are 0, the classes are equally probable.

    Parameters
    ----------
    shares : ndarray of float64, shape (n_members,)
        Weights with sum 1.
    reference : ndarray of float64, shape (n_reference, n_members, n_classes)
        Out-of-fold probabilities of the training cells, sorted along the first axis.
    """

    shares: Floats
    reference: Floats

    def __call__(self, probabilities: Floats) -> Floats:
        """Combine probabilities."""
        ranks = np.empty_like(probabilities)
        for member, label in np.ndindex(*probabilities.shape[1:]):
            ordered, values = self.reference[:, member, label], probabilities[:, member, label]
            below, up_to = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
            ranks[:, member, label] = (below + up_to) / (2 * len(ordered))
        mean = _mean(ranks, self.shares)
        if mean.shape[1] == 2:
            return np.stack([1 - mean[:, 1], mean[:, 1]], axis=1)
        total = mean.sum(axis=1, keepdims=True)
        equal = np.full_like(mean, 1 / mean.shape[1])
        return np.where(total > 0, mean / np.where(total > 0, total, 1), equal)


@dataclass(frozen=True)
class Stack:
    """Logistic regression on the logits of the members' probabilities.

    Parameters
    ----------
    model : LogisticRegression
        Fitted.
    """

    model: Any

    def __call__(self, probabilities: Floats) -> Floats:
        """Combine probabilities."""
        return np.asarray(self.model.predict_proba(_logits(probabilities)), dtype=np.float64)


def check_rule(rule: str, weights: Sequence[float], members: Sequence[str]) -> None:
    """Check a rule and the weights of the members.

    Raises
    ------
    ValueError
        The rule is not known, there are fewer than two members, or the weights are not one positive number for each.
    """
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} is not known; it is one of {', '.join(RULES)}")
    if len(members) < 2:
        raise ValueError(f"at least two members are combined, not {len(members)}: write members=svm+knn")
    if not len(weights):
        return
    if rule == "stack":
        raise ValueError("rule=stack learns the weights of the members; leave out weights")
    values = np.asarray(weights, dtype=object)
    numbers = [isinstance(w, int | float) and not isinstance(w, bool) and np.isfinite(w) and w > 0 for w in values]
    if len(values) != len(members) or not all(numbers):
        shown = "+".join(map(str, weights))
        raise ValueError(f"weights={shown}: one positive number for each of the {len(members)} members is expected")


def combination(
    rule: str, n_members: int, *, weights: Sequence[float] = (), out_of_fold: OutOfFold | None = None
) -> Combine:
    """Return the function that combines the probabilities of the members.

    Parameters
    ----------
    rule : {"mean", "rank", "majority", "stack"}
        Rule.
    n_members : int
        Number of members.
    weights : sequence of float
        Positive weights of the members; equal ones without any. Not used by `stack`.
    out_of_fold : OutOfFold, optional
        What `rank` and `stack` are learned on.

    Raises
    ------
    ValueError
        `rank` or `stack` has no out-of-fold probabilities, or `stack` has none of some class.
    """
    values = np.asarray(weights, dtype=np.float64) if len(weights) else np.ones(n_members)
    shares = values / values.sum()
    if rule == "mean":
        return Mean(shares)
    if rule == "majority":
        return Majority(shares)
    if out_of_fold is None or not len(out_of_fold.codes):
        raise ValueError(
            f"rule={rule} is learned on out-of-fold probabilities of the training patients; there are none"
        )
    if rule == "rank":
        return Rank(shares, np.sort(out_of_fold.probabilities, axis=0))
    return _stack(out_of_fold)


def _stack(out_of_fold: OutOfFold) -> Stack:
    """Fit the logistic regression (L2, C=1), with the weights of classes and patients of the other classifiers."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 (0.1 s that other rules save)

    codes, n_classes = out_of_fold.codes, out_of_fold.probabilities.shape[2]
    absent = np.setdiff1d(np.arange(n_classes), codes)
    if len(absent):
        raise ValueError(f"rule=stack: no out-of-fold probability is that of a cell of class number {absent[0]}")
    weights = row_weights(codes, out_of_fold.units, "patients")
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000)
    return Stack(model.fit(_logits(out_of_fold.probabilities), codes, sample_weight=weights))


def _logits(probabilities: Floats) -> Floats:
    """Return one column per member: the logit of the second of two classes; otherwise one per member and class."""
    clipped = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    chosen = clipped[:, :, 1:] if clipped.shape[2] == 2 else clipped
    return np.asarray(logit(chosen.reshape(len(chosen), -1)), dtype=np.float64)


def _mean(values: npt.NDArray[np.float64], shares: Floats) -> Floats:
    """Return the weighted mean over the members; differences from the first one keep equal members exact."""
    first = values[:, 0]
    mean = first + np.einsum("imk,m->ik", values - first[:, None], shares)
    return np.asarray(np.clip(mean, 0.0, 1.0), dtype=np.float64)
