"""Neighbourhood grey-tone difference matrix: pixels against the mean of their neighbours (Amadasun & King 1989)."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Float64Array, Int64Array, UInt16Array
from extractors.handcrafted.framework.bases import GreyLevelBase, Measured
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.status import Status

_SOURCE = "Amadasun & King 1989; IBSI"

FEATURES = (
    Feature("coarseness", "1 / sum p_i s_i", "1", "(0, inf)", _SOURCE),
    Feature("contrast", "sum p_i p_j (i - j)^2 / (G (G - 1)) * sum s_i / N", "1", "[0, inf)", _SOURCE),
    Feature("busyness", "sum p_i s_i / sum |i p_i - j p_j|", "1", "[0, inf)", _SOURCE),
    Feature("complexity", "sum |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / N", "1", "[0, inf)", _SOURCE),
    Feature("strength", "sum (p_i + p_j) (i - j)^2 / sum s_i", "1", "(0, inf)", _SOURCE),
)
"""N is the number of pixels with a neighbour in the region, p_i the share of those with level i (from 1) and s_i the
sum of their absolute differences from the mean of up to 8 neighbours. Sums run over the G levels that occur, or over
all ordered pairs of them. s_i grows with the area: for one texture, coarseness and strength decrease with the area and
busyness increases.
"""


class Ngtdm(GreyLevelBase):
    """Texture from the difference between each pixel and the mean of its neighbours at distance 1.

    A quotient whose denominator is 0, because no two neighbours differ, is `FLAT`; infinite coarseness is not capped.
    All features are `TOO_SMALL` if no pixel has a neighbour.

    Parameters: see `GreyLevelBase`.
    """

    features = FEATURES

    def _measure_levels(self, quantised: Quantised) -> Measured:
        pixels, differences = neighbourhoods(quantised)
        if not pixels.any():
            return Status.TOO_SMALL
        values = tone_features(pixels, differences)
        return {name: value if np.isfinite(value) else Status.FLAT for name, value in values.items()}


def neighbourhoods(quantised: Quantised) -> tuple[Int64Array, Float64Array]:
    """Count the pixels and sum their absolute differences from the mean of their neighbours, by level.

    Parameters
    ----------
    quantised : Quantised
        Neighbours outside the region are ignored, and so are pixels without neighbours.

    Returns
    -------
    pixels : ndarray of int64, shape (count,)
    differences : ndarray of float64, shape (count,)
        Integers are summed by number of neighbours and divided last, so that the order of the pixels does not matter.
    """
    pixels, by_neighbours = _neighbourhoods(quantised.framed, quantised.count)
    return pixels, (by_neighbours / np.arange(1, 9)).sum(axis=1)


def tone_features(pixels: Int64Array, differences: Float64Array) -> dict[str, float]:
    """Compute the features of a neighbourhood grey-tone difference matrix, with levels numbered from 1.

    Parameters
    ----------
    pixels : ndarray of int64, shape (count,)
        At least one pixel.
    differences : ndarray of float64, shape (count,)

    Returns
    -------
    dict of str to float
        By the names of `FEATURES`; not finite if a denominator is 0.
    """
    present = np.flatnonzero(pixels)
    i, n, s = (present + 1).astype(np.float64), pixels[present].astype(np.float64), differences[present]
    total, weighted, apart = n.sum(), n * s, np.subtract.outer(i, i)
    pairs = np.add.outer(n, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (np.outer(n, n) * apart**2).sum() / (total**2 * len(i) * (len(i) - 1))
        return {
            "coarseness": float(total / weighted.sum()),
            "contrast": float(spread * s.sum() / total),
            "busyness": float(weighted.sum() / np.abs(np.subtract.outer(i * n, i * n)).sum()),
            "complexity": float((np.abs(apart) * np.add.outer(weighted, weighted) / pairs).sum() / total),
            "strength": float((pairs * apart**2).sum() / total / s.sum()),
        }


@compiled
def _neighbourhoods(framed: UInt16Array, count: int) -> tuple[Int64Array, Int64Array]:
    """Pixels by level, and sums of |n * level - sum of the n neighbours| by level and n."""
    height, width = framed.shape
    pixels = np.zeros(count, dtype=np.int64)
    differences = np.zeros((count, 8), dtype=np.int64)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            level = np.int64(framed[row, column])
            if level == 0:
                continue
            neighbours, together = np.int64(-1), -level
            for y in range(row - 1, row + 2):
                for x in range(column - 1, column + 2):
                    other = np.int64(framed[y, x])
                    neighbours += other > 0
                    together += other
            if neighbours > 0:
                pixels[level - 1] += 1
                differences[level - 1, neighbours - 1] += abs(neighbours * level - together)
    return pixels, differences
