"""Metric functions of weighted rows; the first docstring line of each is its definition in reports."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.scores.group_statistics import WeightedRows
from bench.scores.ranking import mean_where_defined
from bench.statistics.arrays import Floats

Quantity = Callable[[WeightedRows], Floats]
"""Weighted rows of one repeat -> one value per draw, shape (n_draws,); NaN where undefined."""


def auroc(weighted: WeightedRows) -> Floats:
    """Share of concordant pairs of a positive and another cell, both predicted by one fitted model."""
    return np.asarray(np.mean([pairs.auroc(weighted.weights) for pairs in weighted.rows.pairs], axis=0))


def average_precision(weighted: WeightedRows) -> Floats:
    """Average precision without interpolation, mean over the folds that contain positive and other cells."""
    w = weighted.weights
    per_class = [
        mean_where_defined([step.average_precision(w) for step in steps], len(w)) for steps in weighted.rows.steps
    ]
    return np.asarray(np.mean(per_class, axis=0))


def balanced_accuracy(weighted: WeightedRows) -> Floats:
    """Mean recall over the classes."""
    return np.asarray(_recalls(weighted).mean(axis=1))


def sensitivity(weighted: WeightedRows) -> Floats:
    """Recall of the positive class."""
    return np.asarray(_recalls(weighted)[:, weighted.rows.positive])


def specificity(weighted: WeightedRows) -> Floats:
    """Recall of the other class."""
    return np.asarray(_recalls(weighted)[:, 1 - weighted.rows.positive])


def accuracy(weighted: WeightedRows) -> Floats:
    """Share of correct decisions."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.trace(weighted.confusion, axis1=1, axis2=2) / weighted.confusion.sum(axis=(1, 2)))


def weighted_f1(weighted: WeightedRows) -> Floats:
    """F1 of each class, weighted by class size; 0 for a class that is never predicted."""
    labelled = weighted.confusion.sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.asarray((_f1(weighted) * labelled).sum(axis=1) / labelled.sum(axis=1))


def macro_f1(weighted: WeightedRows) -> Floats:
    """Mean F1 over the classes; 0 for a class that is never predicted."""
    return np.asarray(_f1(weighted).mean(axis=1))


def matthews(weighted: WeightedRows) -> Floats:
    """Matthews' correlation coefficient of labels and decisions, in [-1, 1]; 0 for constant decisions."""
    matrix = weighted.confusion
    labelled, decided = matrix.sum(axis=2), matrix.sum(axis=1)
    total = matrix.sum(axis=(1, 2))
    covariance = np.trace(matrix, axis1=1, axis2=2) * total - (labelled * decided).sum(axis=1)
    spread = (total**2 - (labelled**2).sum(axis=1)) * (total**2 - (decided**2).sum(axis=1))
    # Constant decisions give rounding errors in place of 0.
    varies = spread > 1e-12 * total**4
    with np.errstate(invalid="ignore"):
        return np.where(
            np.isnan(spread), np.nan, np.where(varies, covariance / np.sqrt(np.where(varies, spread, 1)), 0)
        )


def brier(weighted: WeightedRows) -> Floats:
    """Brier score, the mean squared error of the probability; with more than two classes the sum over them. Lower is better."""  # noqa: E501
    return np.asarray(weighted.losses[:, 0])


def log_loss(weighted: WeightedRows) -> Floats:
    """Mean negative logarithm of the predicted probability of the true class. Lower is better."""
    return np.asarray(weighted.losses[:, 1])


def calibration_error(weighted: WeightedRows) -> Floats:
    """Expected calibration error: |share of positives - mean probability| in 10 bins, averaged; biased upward for few cells. Lower is better."""  # noqa: E501
    return np.asarray(np.abs(weighted.gaps).sum(axis=1))


def weighted_precision(weighted: WeightedRows) -> Floats:
    """Precision of each class, weighted by class size; 0 for a class that is never predicted."""
    labelled = weighted.confusion.sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.asarray((_precisions(weighted) * labelled).sum(axis=1) / labelled.sum(axis=1))


def macro_precision(weighted: WeightedRows) -> Floats:
    """Mean precision over the classes; 0 for a class that is never predicted."""
    return np.asarray(_precisions(weighted).mean(axis=1))


def precision_of(code: int) -> Quantity:
    """Return the precision of the class with a code."""

    def precision(weighted: WeightedRows) -> Floats:
        """Share of the cells decided for the class that belong to it; 0 if there is none."""
        return np.asarray(_precisions(weighted)[:, code])

    return precision


def sensitivity_to(code: int) -> Quantity:
    """Return the recall of the class with a code."""

    def rate(weighted: WeightedRows) -> Floats:
        """Share of the cells of the class that are decided for it."""
        return np.asarray(_recalls(weighted)[:, code])

    return rate


def fbeta_of(code: int, beta: float) -> Quantity:
    """Return the F-beta of the class with a code.

    Parameters
    ----------
    code : int
        Class code.
    beta : float
        Weight of the recall relative to the precision, above 0.
    """

    def fbeta(weighted: WeightedRows) -> Floats:
        """(1 + beta^2) P R / (beta^2 P + R) of precision P and recall R; 0 for a class without a correct decision."""
        matrix = weighted.confusion
        labelled, decided, correct = matrix.sum(axis=2)[:, code], matrix.sum(axis=1)[:, code], matrix[:, code, code]
        both = beta**2 * labelled + decided
        with np.errstate(invalid="ignore"):
            return np.where(both == 0, 0.0, (1 + beta**2) * correct / both)

    return fbeta


def _precisions(weighted: WeightedRows) -> Floats:
    decided = weighted.confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(decided == 0, 0.0, np.diagonal(weighted.confusion, axis1=1, axis2=2) / decided)


def _recalls(weighted: WeightedRows) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diagonal(weighted.confusion, axis1=1, axis2=2) / weighted.confusion.sum(axis=2))


def _f1(weighted: WeightedRows) -> Floats:
    matrix = weighted.confusion
    both = matrix.sum(axis=2) + matrix.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(both == 0, 0.0, 2 * np.diagonal(matrix, axis1=1, axis2=2) / both)
