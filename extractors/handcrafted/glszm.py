"""Grey-level size zone matrix: texture from connected zones of one grey level (Thibault 2009)."""

from __future__ import annotations

import numpy as np
from skimage.measure import label

from extractors.arrays import Int64Array
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import SizeZoneBase, emphasis_features

FEATURES = emphasis_features(
    item="zone", small="small_zone", large="large_zone", size="zone_size", source="Thibault 2009; IBSI"
)
"""p is the share of the zones with level i (from 1) and s pixels."""


class Glszm(SizeZoneBase):
    """Texture from 8-connected zones of one grey level.

    Parameters: see `GreyLevelBase`.
    """

    statistics = features = FEATURES

    def _counts(self, quantised: Quantised) -> tuple[Int64Array, Int64Array]:
        counts, sizes = zones(quantised)
        return counts[None], sizes


def zones(quantised: Quantised) -> tuple[Int64Array, Int64Array]:
    """Count the 8-connected zones by level and size.

    Parameters
    ----------
    quantised : Quantised
        A zone ends at a change of level or at the border of the region.

    Returns
    -------
    counts : ndarray of int64, shape (count, k)
        Level i in row i - 1.
    sizes : ndarray of int64, shape (k,)
        Number of pixels of the zones in each column; only sizes that occur, in ascending order.
    """
    labels = label(quantised.levels, background=0, connectivity=2).ravel()  # type: ignore[no-untyped-call]  # scikit-image has no types
    size = np.bincount(labels)[1:]
    level = np.empty(len(size) + 1, dtype=np.int64)
    level[labels] = quantised.levels.ravel()
    occurs = np.bincount(size) > 0
    sizes = np.flatnonzero(occurs)
    column = np.cumsum(occurs) - 1
    cells = (level[1:] - 1) * len(sizes) + column[size]
    return np.bincount(cells, minlength=quantised.count * len(sizes)).reshape(quantised.count, len(sizes)), sizes
