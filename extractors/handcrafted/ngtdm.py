"""Texture from the difference between each pixel and the mean of its neighbours (Amadasun & King 1989)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.bases import LevelsBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.status import Measured, Status, missing

_SOURCE = "Amadasun & King 1989; IBSI"

FEATURES = (
    Feature("coarseness", "1 / sum p_i s_i", "1", "(0, inf)", _SOURCE),
    Feature("contrast", "sum p_i p_j (i - j)^2 / (G (G - 1)) * sum s_i / N", "1", "[0, inf)", _SOURCE),
    Feature("busyness", "sum p_i s_i / sum |i p_i - j p_j|", "1", "[0, inf)", _SOURCE),
    Feature("complexity", "sum |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / N", "1", "[0, inf)", _SOURCE),
    Feature("strength", "sum (p_i + p_j) (i - j)^2 / sum s_i", "1", "(0, inf)", _SOURCE),
)
"""Of the N pixels that have a neighbour in the region: p_i is the share of those of level i (from 1), s_i the sum of
their absolute differences from the mean of up to 8 neighbours; sums run over the G levels that occur, or over all
ordered pairs of them. Of one texture, s_i grows with the area: coarseness and strength fall with it, busyness rises.
"""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def ngtdm(quantised: Quantised) -> Measured:
    """Each feature of the differences.

    Parameters
    ----------
    quantised : Quantised
        Two levels or more.

    Returns
    -------
    Measured
        A value for each of `FEATURES`. `FLAT` where a quotient has no denominator
        since the level never changes between neighbours: no cap stands for infinite coarseness. `TOO_SMALL` where no
        pixel has a neighbour.
    """
    pixels, differences = neighbourhoods(quantised)
    if not pixels.any():
        return missing(keyed(FEATURES), Status.TOO_SMALL)
    values = tone_features(pixels, differences)
    return {name: value if np.isfinite(value) else Status.FLAT for name, value in values.items()}


class Ngtdm(LevelsBase):
    """Texture from the difference between each pixel and the mean of its neighbours at distance 1.

    Its parameters are those of `LevelsBase`.
    """

    family = "ngtdm"
    features = FEATURES
    of = staticmethod(ngtdm)


def neighbourhoods(quantised: Quantised) -> tuple[Counts, Floats]:
    """Number of pixels and sum of their absolute differences from the mean of their neighbours, by level.

    Parameters
    ----------
    quantised : Quantised
        Neighbours outside the region have no part; a pixel without any is left out.

    Returns
    -------
    pixels : ndarray of int64, shape (count,)
    differences : ndarray of float64, shape (count,)
        Whole numbers are summed for each number of neighbours and divided last, so that no order of the pixels matters.
    """
    pixels, by_neighbours = _neighbourhoods(quantised.framed, quantised.count)
    return pixels, (by_neighbours / np.arange(1, 9)).sum(axis=1)


def tone_features(pixels: Counts, differences: Floats) -> dict[str, float]:
    """The features of a neighbourhood grey-tone difference matrix, with levels numbered from 1.

    Parameters
    ----------
    pixels : ndarray of int64, shape (count,)
        At least one.
    differences : ndarray of float64, shape (count,)

    Returns
    -------
    dict of str to float
        By the names of `FEATURES`; not finite where a denominator is 0.
    """
    occurs = np.flatnonzero(pixels)
    i, n, s = (occurs + 1).astype(np.float64), pixels[occurs].astype(np.float64), differences[occurs]
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
def _neighbourhoods(framed: npt.NDArray[np.uint16], count: int) -> tuple[Counts, Counts]:
    """Pixels by level; sums of |number of neighbours * level - their sum| by level and number of neighbours."""
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
