"""Parameter-free threshold adjacency statistics (Hamilton 2007; Coelho 2010) of the pixels inside a region."""

from __future__ import annotations

import math

import numpy as np

from extractors.arrays import BoolArray, Int32Array, Int64Array, UInt16Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Binning
from extractors.handcrafted.framework.status import Status
from extractors.segmentation.otsu import best_split

SOURCE = "Hamilton 2007; Coelho 2010"
NEIGHBOURS = 8
BINS = Binning(256)
"""Binning for Otsu's threshold, as fine as that of an 8-bit image."""

RANGES = {"near": "|v - mean| < sd", "low": "v > mean - sd", "mean": "v > mean"}
"""Ranges of values, defined by mean and standard deviation of the values above Otsu's threshold."""

FEATURES = tuple(
    Feature(
        f"{name}_{side}{n}",
        f"share of the pixels {whether} of {rule} of which {n} of 8 neighbours are {whether} as well; mean and sd of "
        "the values above Otsu's threshold",
        "1",
        "[0, 1]",
        SOURCE,
    )
    for name, rule in RANGES.items()
    for side, whether in (("in", "inside"), ("out", "outside"))
    for n in range(NEIGHBOURS + 1)
)


class Pftas(TextureBase):
    """Threshold adjacency statistics: number of neighbours of a pixel in the same range of values.

    Only pixels whose eight neighbours are in the region are counted; shares are `TOO_SMALL` if none is inside a range,
    or none outside. The nine shares of a range sum to 1; all are included, because linear models are regularised. For a
    range, Mahotas counts the pixels outside by their neighbours inside: `out` from 8 to 0 here, and for the complement
    of the range `in` from 8 to 0.

    Parameters: see `TextureBase`.
    """

    features = FEATURES

    def _measure(self, target: MaskedChannel) -> Measured:
        counts = _adjacent(target.integers[0], target.core(1), *thresholds(target))
        totals = counts.sum(axis=1)
        shares = (counts / np.maximum(totals, 1)[:, None]).ravel().tolist()
        defined = np.repeat(totals > 0, NEIGHBOURS + 1)
        return [share if exists else Status.TOO_SMALL for share, exists in zip(shares, defined, strict=True)]


def thresholds(channel: MaskedChannel) -> tuple[float, float]:
    """Mean and standard deviation of the values above Otsu's threshold, in steps of `MaskedChannel.integers`.

    The result does not depend on the order of the pixels.

    Parameters
    ----------
    channel : MaskedChannel
        Not constant.

    References
    ----------
    Otsu 1979, IEEE Transactions on Systems, Man, and Cybernetics 9:62-66.
    """
    quantised = channel.quantised(BINS)
    counts, sums, squares = _by_level(channel.integers[0], quantised.levels, quantised.count)
    above = 1 + best_split(counts, sums / np.maximum(counts, 1))[0]
    n, total, square = (int(by_level[above:].sum()) for by_level in (counts, sums, squares))
    return total / n, math.sqrt(n * square - total**2) / n


@compiled
def _by_level(values: Int32Array, levels: UInt16Array, count: int) -> Int64Array:
    """Number, sum and sum of squares of the values at each level 1 to `count`."""
    totals = np.zeros((3, count), dtype=np.int64)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            level = np.int64(levels[y, x]) - 1
            if level >= 0:
                value = np.int64(values[y, x])
                totals[0, level] += 1
                totals[1, level] += value
                totals[2, level] += value * value
    return totals


@compiled
def _adjacent(values: Int32Array, core: BoolArray, mean: float, sd: float) -> Int64Array:
    """Number of core pixels by range and side (rows: in and out of each range) and equal neighbours (columns)."""
    height, width = values.shape
    # One byte per range, so that one sum counts the neighbours in all ranges.
    kinds = np.empty((height, width), dtype=np.int32)
    for y in range(height):
        for x in range(width):
            from_mean = values[y, x] - mean
            near, low, high = abs(from_mean) < sd, from_mean > -sd, from_mean > 0
            kinds[y, x] = near | (low << 8) | (high << 16)
    counts = np.zeros((6, 9), dtype=np.int64)
    for y in range(1, height - 1):
        above, row, below = kinds[y - 1], kinds[y], kinds[y + 1]
        for x in range(1, width - 1):
            if core[y, x]:
                total = above[x - 1] + above[x] + above[x + 1] + row[x - 1] + row[x + 1]
                total += below[x - 1] + below[x] + below[x + 1]
                for kind in range(3):
                    alike = (total >> (8 * kind)) & 255
                    if (row[x] >> (8 * kind)) & 1:
                        counts[2 * kind, alike] += 1
                    else:
                        counts[2 * kind + 1, 8 - alike] += 1
    return counts
