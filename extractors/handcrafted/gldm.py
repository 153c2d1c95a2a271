"""Grey-level dependence matrix: texture from the number of equal neighbours of each pixel (Sun & Wee 1983)."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Int64Array, UInt16Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import SizeZoneBase, emphasis_features

SOURCE = "Sun & Wee 1983; IBSI"

DEPENDENCE_FEATURES = emphasis_features(
    item="dependence", small="small_dependence", large="large_dependence", size="dependence", source=SOURCE
)
PERCENTAGE = "dependence_percentage"

FEATURES = tuple(f for f in DEPENDENCE_FEATURES if f.name != PERCENTAGE)
"""p is the share of the pixels with level i (from 1) and dependence s, 1 + the number of equal neighbours among 8.

The percentage is constant, because there is one dependence per pixel, and therefore omitted.
"""


class Gldm(SizeZoneBase):
    """Texture from the number of equal neighbours (distance 1, coarseness alpha 0).

    Parameters: see `GreyLevelBase`.
    """

    statistics = DEPENDENCE_FEATURES
    features = FEATURES

    def _counts(self, quantised: Quantised) -> tuple[Int64Array, Int64Array]:
        return dependences(quantised)[None], np.arange(1, 10)


def dependences(quantised: Quantised) -> Int64Array:
    """Count the pixels by level and dependence.

    Parameters
    ----------
    quantised : Quantised
        Neighbours outside the region count as unequal.

    Returns
    -------
    ndarray of int64, shape (count, 9)
        Level i in row i - 1, n equal neighbours among 8 in column n.
    """
    return _dependences(quantised.framed, quantised.count)


@compiled
def _dependences(framed: UInt16Array, count: int) -> Int64Array:
    height, width = framed.shape
    counts = np.zeros((count, 9), dtype=np.int64)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            level = framed[row, column]
            if level == 0:
                continue
            equal = -1
            for y in range(row - 1, row + 2):
                for x in range(column - 1, column + 2):
                    equal += framed[y, x] == level
            counts[level - 1, equal] += 1
    return counts
