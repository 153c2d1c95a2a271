"""Statistics of the distance of the pixels of a region to its border."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Int32Array, Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled


def depths(squared_distance: Int32Array) -> tuple[float, float, float]:
    """Compute the largest, mean and median distance of the pixels to the nearest one outside.

    Summed by distance, so that the result does not depend on the order of the pixels.

    Parameters
    ----------
    squared_distance : ndarray of int32, shape (height, width)
        Positive in the region, which is not empty, and 0 elsewhere.

    Returns
    -------
    tuple of float
        In pixels, at least 1.
    """
    frequency = np.zeros(int(squared_distance.max()) + 1, dtype=np.int64)
    pixels = _counted(squared_distance.ravel(), frequency)
    mean, median = _mean_and_median(frequency, pixels)
    return float(np.sqrt(len(frequency) - 1)), float(mean), float(median)


@compiled
def _counted(squared: Int32Array, frequency: Int64Array) -> int:
    """Count the pixels of the region, and fill in the number of pixels by squared distance."""
    pixels = 0
    for i in range(len(squared)):
        if squared[i] > 0:
            frequency[squared[i]] += 1
            pixels += 1
    return pixels


@compiled
def _mean_and_median(frequency: Int64Array, pixels: int) -> tuple[float, float]:
    total, below, lower, upper = 0.0, 0, 0.0, 0.0
    for squared in range(1, len(frequency)):
        if frequency[squared] > 0:
            distance = np.sqrt(squared)
            total += distance * frequency[squared]
            # Both middle values; equal if the number of pixels is odd.
            if below <= (pixels - 1) // 2:
                lower = distance
            if below <= pixels // 2:
                upper = distance
            below += frequency[squared]
    return total / pixels, (lower + upper) / 2
