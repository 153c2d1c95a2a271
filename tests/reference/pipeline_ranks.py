"""Published rank statistics: Iman and Davenport's test, and differences of Elo ratings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import f as fisher


def iman_davenport(ranks: npt.ArrayLike, blocks: int) -> tuple[float, float, float]:
    """Compute Friedman's chi-squared without tie correction, Iman and Davenport's F and its p-value.

    Parameters
    ----------
    ranks : array-like of float, shape (n_pipelines,)
        Mean ranks over the blocks.

    References
    ----------
    Demsar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7:1.
    """
    r = np.asarray(ranks, dtype=np.float64)
    n, k = blocks, len(r)
    chi2 = 12 * n / (k * (k + 1)) * float((r**2).sum() - k * (k + 1) ** 2 / 4)
    room = n * (k - 1) - chi2
    f = (n - 1) * chi2 / room if room > 0 else float("inf")
    return chi2, f, float(fisher.sf(f, k - 1, (k - 1) * (n - 1)))


def elo_difference(rate: float) -> float:
    """Compute the Elo rating difference for a win rate: 400 log10(p / (1 - p))."""
    if not 0 <= rate <= 1:
        raise ValueError(f"a win rate is between 0 and 1, not {rate}")
    with np.errstate(divide="ignore"):
        return float(400 * (np.log10(rate) - np.log10(1 - rate)))
