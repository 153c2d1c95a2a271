"""What a metric measures, computed for every draw from weighed sums; the first line of each says it in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bench.scores.group_statistics import Weighed
from bench.scores.ranking import mean_where_defined

Floats = npt.NDArray[np.float64]

Quantity = Callable[[Weighed], Floats]
"""Weighed rows of one repeat -> one value a draw, shape (n_draws,); NaN where it is undefined."""


def auroc(weighed: Weighed) -> Floats:
    """Share of the pairs of a positive and another cell, both predicted by one fitted model, that are in order."""
    return np.asarray(np.mean([pairs.auroc(weighed.weights) for pairs in weighed.rows.pairs], axis=0))


def average_precision(weighed: Weighed) -> Floats:
    """Precision averaged over the recall without interpolation, mean of the folds that hold both sides."""
    n = len(weighed.weights)
    per_class = [
        mean_where_defined([step.average_precision(weighed.weights) for step in steps], n)
        for steps in weighed.rows.steps
    ]
    return np.asarray(np.mean(per_class, axis=0))


def balanced_accuracy(weighed: Weighed) -> Floats:
    """Mean over the classes of the recall."""
    return np.asarray(_recalls(weighed).mean(axis=1))


def sensitivity(weighed: Weighed) -> Floats:
    """Recall of the positive class."""
    return np.asarray(_recalls(weighed)[:, weighed.rows.positive])


def specificity(weighed: Weighed) -> Floats:
    """Recall of the other class."""
    return np.asarray(_recalls(weighed)[:, 1 - weighed.rows.positive])


def accuracy(weighed: Weighed) -> Floats:
    """Share decided rightly."""
    return np.asarray(np.trace(weighed.confusion, axis1=1, axis2=2) / weighed.confusion.sum(axis=(1, 2)))


def weighted_f1(weighed: Weighed) -> Floats:
    """F1 of each class, weighted by the size of the class; a class never decided has F1 0."""
    labelled = weighed.confusion.sum(axis=2)
    return np.asarray((_f1(weighed) * labelled).sum(axis=1) / labelled.sum(axis=1))


def macro_f1(weighed: Weighed) -> Floats:
    """Mean over the classes of F1; a class never decided has F1 0."""
    return np.asarray(_f1(weighed).mean(axis=1))


def matthews(weighed: Weighed) -> Floats:
    """Matthews' correlation of labels and decisions, between -1 and 1; 0 where one class is always decided."""
    matrix = weighed.confusion
    labelled, decided = matrix.sum(axis=2), matrix.sum(axis=1)
    total = matrix.sum(axis=(1, 2))
    covariance = np.trace(matrix, axis1=1, axis2=2) * total - (labelled * decided).sum(axis=1)
    spread = (total**2 - (labelled**2).sum(axis=1)) * (total**2 - (decided**2).sum(axis=1))
    # A constant decision leaves a spread of rounding errors in place of 0.
    varies = spread > 1e-12 * total**4
    with np.errstate(invalid="ignore"):
        return np.where(
            np.isnan(spread), np.nan, np.where(varies, covariance / np.sqrt(np.where(varies, spread, 1)), 0)
        )


def brier(weighed: Weighed) -> Floats:
    """Brier score, the mean squared error of the probability; with more than two classes the sum over them. Lower is better."""  # noqa: E501
    return np.asarray(weighed.losses[:, 0])


def log_loss(weighed: Weighed) -> Floats:
    """Mean negative logarithm of the probability that the true class was given. Lower is better."""
    return np.asarray(weighed.losses[:, 1])


def calibration_error(weighed: Weighed) -> Floats:
    """Expected calibration error: |share of positives - mean probability| in 10 bins, averaged; biased upward where there are few. Lower is better."""  # noqa: E501
    return np.asarray(np.abs(weighed.gaps).sum(axis=1))


def _recalls(weighed: Weighed) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diagonal(weighed.confusion, axis1=1, axis2=2) / weighed.confusion.sum(axis=2))


def _f1(weighed: Weighed) -> Floats:
    matrix = weighed.confusion
    both = matrix.sum(axis=2) + matrix.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(both == 0, 0.0, 2 * np.diagonal(matrix, axis1=1, axis2=2) / both)
