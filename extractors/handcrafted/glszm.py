"""Grey-level size zone matrix: texture from connected zones of one grey level (Thibault 2009)."""

from __future__ import annotations

import numpy as np
from skimage.measure import label

from extractors.arrays import Int64Array
from extractors.handcrafted.framework.bases import GreyLevelBase
from extractors.handcrafted.framework.feature import keyed
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import emphasis_features, size_zone_statistics
from extractors.handcrafted.framework.status import FeatureValues

FEATURES = emphasis_features(
    item="zone", small="small_zone", large="large_zone", size="zone_size", source="Thibault 2009; IBSI"
)
"""p is the share of the zones with level i (from 1) and s pixels."""


class Glszm(GreyLevelBase):
    """Texture from 8-connected zones of one grey level.

    Parameters: see `GreyLevelBase`.
    """

    family = "glszm"
    features = FEATURES

    def _measure_levels(self, quantised: Quantised) -> FeatureValues:
        return glszm(quantised)


def glszm(quantised: Quantised) -> FeatureValues:
    """Compute `FEATURES` of the zones.

    Parameters
    ----------
    quantised : Quantised
        At least two levels.
    """
    counts, sizes = zones(quantised)
    return dict(zip(keyed(FEATURES), size_zone_statistics(counts[None], sizes)[:, 0].tolist(), strict=True))


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
