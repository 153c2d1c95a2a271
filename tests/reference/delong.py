"""AUROC variances of published methods: DeLong (independent cells) and Obuchowski (clustered cells)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from bench.statistics.auroc import Difference, Estimate, Kernel

Floats = npt.NDArray[np.float64]


def obuchowski(kernel: Kernel) -> Estimate:
    """Compute the AUROC with equal cell weights and its variance with patients as independent units.

    Obuchowski 1997, Nonparametric analysis of clustered ROC curve data, Biometrics 53:567, for patients of one class
    each (the covariance of the two classes within a patient is then zero). With one cell per patient it is DeLong's
    variance; copies of every cell within its patient change nothing.
    """
    pairs = kernel.share * np.outer(kernel.positive_cells, kernel.negative_cells)
    m, n = kernel.positive_cells.sum(), kernel.negative_cells.sum()
    value = pairs.sum() / (m * n)
    variance = 0.0
    for sums, cells, total in (
        (pairs.sum(axis=1) / n, kernel.positive_cells, m),
        (pairs.sum(axis=0) / m, kernel.negative_cells, n),
    ):
        k = len(cells)
        if k < 2:
            return Estimate(float(value), float("nan"))
        variance += k / ((k - 1) * total) * float(((sums - cells * value) ** 2).sum()) / total
    return Estimate(float(value), float(variance))


def delong(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> Estimate:
    """Compute the AUROC of independent cells and its variance (DeLong et al. 1988, Biometrics 44:837).

    Cells of a patient are not independent, so intervals from this variance are much too short.
    """
    above, below = _placements(scores, is_positive)
    return Estimate(float(above.mean()), _of_mean(above) + _of_mean(below))


def delong_difference(first: npt.ArrayLike, second: npt.ArrayLike, is_positive: npt.ArrayLike) -> Difference:
    """Compute DeLong's paired test of two scores of the same independent cells, first minus second."""
    (above_1, below_1), (above_2, below_2) = _placements(first, is_positive), _placements(second, is_positive)
    above, below = above_1 - above_2, below_1 - below_2
    value = float(above.mean())
    error = float(np.sqrt(_of_mean(above) + _of_mean(below)))
    z = value / error
    return Difference(value, error, z, float(2 * norm.sf(abs(z))))


def _placements(scores: npt.ArrayLike, is_positive: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Share of the other class below each positive cell, and above each negative cell."""
    s, positive = np.asarray(scores, dtype=np.float64), np.asarray(is_positive, dtype=bool)
    m, n = int(positive.sum()), int((~positive).sum())
    everywhere = rankdata(s)
    above = (everywhere[positive] - rankdata(s[positive])) / n
    below = 1 - (everywhere[~positive] - rankdata(s[~positive])) / m
    return above, below


def _of_mean(values: Floats) -> float:
    return float(values.var(ddof=1)) / len(values)
