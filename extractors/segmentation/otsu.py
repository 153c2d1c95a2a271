"""Otsu's threshold of integers, and the variance that it explains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ONE_POPULATION = 2 / np.pi
"""Share of the variance of one normal population that a threshold at its mean explains."""


def otsu(values: npt.NDArray[np.integer]) -> tuple[int, float] | None:
    """Compute Otsu's threshold and the share of the variance that it explains.

    Parameters
    ----------
    values : ndarray of int, shape (n,)
        Not negative; the histogram has one bin per integer up to the largest value.

    Returns
    -------
    threshold : int
        Largest value of the lower class; the smallest of several optima.
    explained : float
        Variance between the classes over the total, in (0, 1]: Otsu's eta.

    None is returned if the values do not vary.

    References
    ----------
    Otsu 1979, IEEE Transactions on Systems, Man, and Cybernetics 9:62-66.
    """
    if not len(values) or values.min() == values.max():
        return None
    counts = np.bincount(values)
    return best_split(counts, np.arange(len(counts)))


def best_split(counts: npt.NDArray[np.integer], levels: npt.NDArray[np.number]) -> tuple[int, float]:
    """Split a histogram in two with the largest variance between the classes.

    Parameters
    ----------
    counts : ndarray of int, shape (bins,)
        At least two are positive.
    levels : ndarray, shape (bins,)
        Mean value of each bin, in ascending order.

    Returns
    -------
    last : int
        Last bin of the lower class; the smallest of several optima.
    explained : float
        Variance between the classes over the total, in (0, 1].
    """
    share = counts / counts.sum()
    mean = float(share @ levels)
    below = np.cumsum(share)[:-1]
    moment = np.cumsum(share * levels)[:-1]
    weight = below * (1 - below)
    possible = np.flatnonzero(weight > 1e-12)
    between = (mean * below - moment)[possible] ** 2 / weight[possible]
    best = int(np.argmax(between))
    return int(possible[best]), float(between[best] / (share @ (levels - mean) ** 2))
