"""Threshold adjacency statistics without parameters (Hamilton 2007; Coelho 2010), of pixels inside the region."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.bases import TextureBase
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Binning
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.segmentation.otsu import split

SOURCE = "Hamilton 2007; Coelho 2010"
NEIGHBOURS = 8
BINS = Binning(256)
"""Where Otsu's threshold may lie: as finely as an image of 8 bits has it."""

RANGES = {"near": "|v - mean| < sd", "low": "v > mean - sd", "mean": "v > mean"}
"""Ranges of the values, by mean and standard deviation of those above Otsu's threshold."""

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

Whole = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint16]
Counts = npt.NDArray[np.int64]
BoolMask = npt.NDArray[np.bool_]


def pftas(plane: Plane) -> Measured:
    """Shares of the pixels in and out of each of `RANGES` with 0 to 8 neighbours of their kind.

    Only pixels count whose eight neighbours lie in the region. Mahotas counts, for a range, the pixels out of it by
    their neighbours in it: our `out` from 8 to 0, and for its negative our `in` from 8 to 0.

    Parameters
    ----------
    plane : Plane
        One channel of one region.

    Returns
    -------
    Measured
        A value for each of `FEATURES`. `FLAT` where the plane is constant; `TOO_SMALL` where no pixel that counts is
        in a range, or none out of it.
    """
    cut = thresholds(plane)
    if cut is None:
        return missing((feature.name for feature in FEATURES), Status.FLAT)
    counts = _adjacent(plane.whole[0], plane.core(1), *cut)
    totals = counts.sum(axis=1)
    shares = (counts / np.maximum(totals, 1)[:, None]).ravel().tolist()
    exists = np.repeat(totals > 0, NEIGHBOURS + 1)
    found = (share if there else Status.TOO_SMALL for share, there in zip(shares, exists, strict=True))
    return dict(zip((feature.name for feature in FEATURES), found, strict=True))


class Pftas(TextureBase):
    """Threshold adjacency statistics: how many neighbours of a pixel lie in the same range of values as it does.

    The nine shares of a range sum to 1; all are kept, since a linear model is regularised anyway.

    Its parameters are those of `TextureBase`.
    """

    family = "pftas"
    features = FEATURES
    of = staticmethod(pftas)


def thresholds(plane: Plane) -> tuple[float, float] | None:
    """Mean and standard deviation of the values above Otsu's threshold, in multiples of the plane's whole numbers.

    Returns
    -------
    mean, sd : float
        The same bits for the same values in any order.

    None is returned where the plane is flat.

    References
    ----------
    Otsu 1979, IEEE Transactions on Systems, Man, and Cybernetics 9:62-66.
    """
    quantised = plane.quantised(BINS)
    if quantised is None:
        return None
    counts, sums, squares = _by_level(plane.whole[0], quantised.levels, quantised.count)
    above = 1 + split(counts, sums / np.maximum(counts, 1))[0]
    n, total, square = (int(of[above:].sum()) for of in (counts, sums, squares))
    return total / n, math.sqrt(n * square - total**2) / n


@compiled
def _by_level(values: Whole, levels: Levels, count: int) -> Counts:
    """Number, sum and sum of squares of the values of each level 1 to `count`."""
    found = np.zeros((3, count), dtype=np.int64)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            level = np.int64(levels[y, x]) - 1
            if level >= 0:
                value = np.int64(values[y, x])
                found[0, level] += 1
                found[1, level] += value
                found[2, level] += value * value
    return found


@compiled
def _adjacent(values: Whole, core: BoolMask, mean: float, sd: float) -> Counts:
    """Pixels of the core by their neighbours of their own kind: rows in and out of each range, columns 0 to 8."""
    height, width = values.shape
    # A byte of a number for each range, so that one sum counts the neighbours in all of them.
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
