"""Aggregate the scores of a patient's cells into one score per patient."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from bench.errors import BenchError
from bench.statistics.arrays import Codes, Floats

AGGREGATES = ("mean", "logit", "share")

TINY = 1e-12
"""Smallest probability whose logarithm is taken."""


def patient_scores(rule: str, probabilities: Floats, decided: Codes, unit_of: Codes, n_units: int) -> Floats:
    """Score of each split unit for each class.

    Parameters
    ----------
    rule : {"mean", "logit", "share"}
        `mean`: mean probability of the cells. `logit`: mean log-probability, normalised (for two classes the sigmoid
        of the mean log-odds). `share`: share of the cells that were assigned to the class.
    probabilities : ndarray of float64, shape (n_cells, n_classes)
        Probabilities of the cells.
    decided : ndarray of int, shape (n_cells,)
        Class assigned to each cell.
    unit_of : ndarray of int, shape (n_cells,)
        Split unit of each cell, 0..n_units-1.

    Returns
    -------
    ndarray of float64, shape (n_units, n_classes)
        In [0, 1], rows sum to 1; NaN for a unit without cells. Rounded to 12 decimals, so that equal means tie
        whatever the order of summation.
    """
    if rule not in AGGREGATES:
        raise BenchError(f"aggregate {rule!r}: expected one of {', '.join(AGGREGATES)}")
    n_classes = probabilities.shape[1]
    values = probabilities
    if rule == "logit":
        values = np.log(np.maximum(probabilities, TINY))
    elif rule == "share":
        values = np.eye(n_classes)[decided]
    sums = np.stack([np.bincount(unit_of, weights=values[:, c], minlength=n_units) for c in range(n_classes)], axis=1)
    with np.errstate(invalid="ignore"):
        means = sums / np.bincount(unit_of, minlength=n_units)[:, None]
    return np.asarray(np.round(softmax(means, axis=1) if rule == "logit" else means, 12), dtype=np.float64)


def decide_cells(probabilities: Floats, threshold: float | Floats, positive: int) -> Codes:
    """Assign a class to each row.

    Two classes: the positive class where its probability is at least the threshold. More classes: the most probable
    one, the first of ties.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n, n_classes)
        Scores of cells or patients.
    threshold : float or ndarray of float64, shape (n,)
        Ignored with more than two classes.

    Returns
    -------
    ndarray of int, shape (n,)
        Class codes.
    """
    if probabilities.shape[1] == 2:
        return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive).astype(np.intp)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.intp)
