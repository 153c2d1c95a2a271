"""The cells of a patient become one score of the patient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from bench.errors import BenchError

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

AGGREGATES = ("mean", "logit", "share")

TINY = 1e-12
"""Smallest probability whose logarithm is taken."""


def patient_scores(rule: str, probabilities: Floats, decided: Codes, unit_of: Codes, n_units: int) -> Floats:
    """One score a class for each split unit.

    Parameters
    ----------
    rule : {"mean", "logit", "share"}
        Mean probability of the cells; mean log-probability, normalised (for two classes the sigmoid of the mean
        log-odds); share of the cells that were decided for the class.
    probabilities : ndarray of float64, shape (n_cells, n_classes)
        Probabilities of the cells.
    decided : ndarray of int, shape (n_cells,)
        The class that each cell was decided for.
    unit_of : ndarray of int, shape (n_cells,)
        Split unit of each cell, 0..n_units-1.

    Returns
    -------
    ndarray of float64, shape (n_units, n_classes)
        In [0, 1], rows sum to 1; NaN for a unit without cells. Rounded to 12 decimals, so that means which are equal
        tie, whatever the order in which they were summed.
    """
    if rule not in AGGREGATES:
        raise BenchError(f"aggregate {rule!r}: it is one of {', '.join(AGGREGATES)}")
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
    """Two classes: the positive one where its probability >= threshold; more: the most probable, of ties the first.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n, n_classes)
        Scores of cells or patients.
    threshold : float or ndarray of float64, shape (n,)
        Not used with more than two classes.

    Returns
    -------
    ndarray of int, shape (n,)
        Class codes.
    """
    if probabilities.shape[1] == 2:
        return np.where(probabilities[:, positive] >= threshold, positive, 1 - positive).astype(np.intp)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.intp)
