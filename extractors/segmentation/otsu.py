"""Otsu's threshold of whole numbers, and how much of their variance it explains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ONE_POPULATION = 2 / np.pi
"""Share of the variance that a threshold at the mean explains of one normal population."""


def otsu(values: npt.NDArray[np.integer]) -> tuple[int, float] | None:
    """Otsu's threshold, and the share of the variance that it explains.

    Parameters
    ----------
    values : ndarray of int, shape (n,)
        0 or above; the histogram has a bin for each whole number up to the largest.

    Returns
    -------
    threshold : int
        Values up to and including it are one class; the smallest of those that do equally well.
    explained : float
        Variance between the classes over the total, in (0, 1]: Otsu's eta.

    None is returned where the values do not vary.

    References
    ----------
    Otsu 1979, IEEE Transactions on Systems, Man, and Cybernetics 9:62-66.
    """
    if not len(values) or values.min() == values.max():
        return None
    counts = np.bincount(values)
    return best_split(counts, np.arange(len(counts)))


def best_split(counts: npt.NDArray[np.integer], levels: npt.NDArray[np.number]) -> tuple[int, float]:
    """Where a histogram is split best in two.

    Parameters
    ----------
    counts : ndarray of int, shape (bins,)
        At least two are not 0.
    levels : ndarray, shape (bins,)
        The mean value in each bin, rising.

    Returns
    -------
    last : int
        The bins up to and including it are one class; the smallest of those that do equally well.
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
