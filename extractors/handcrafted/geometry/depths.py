"""How deep the pixels of a region lie below its border."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.numba_kernels import compiled


def depths(squared_distance: npt.NDArray[np.int32]) -> tuple[float, float, float]:
    """Largest, mean and median distance of the pixels to the nearest one outside.

    Summed by distance, so that the result does not depend on where the pixels lie.

    Parameters
    ----------
    squared_distance : ndarray of int32, shape (height, width)
        Above 0 in the region, which is not empty, and 0 elsewhere.

    Returns
    -------
    tuple of float
        In pixels, 1 or more.
    """
    frequency = np.zeros(int(squared_distance.max()) + 1, dtype=np.int64)
    pixels = _counted(squared_distance.ravel(), frequency)
    mean, median = _mean_and_median(frequency, pixels)
    return float(np.sqrt(len(frequency) - 1)), float(mean), float(median)


@compiled
def _counted(squared: npt.NDArray[np.int32], frequency: npt.NDArray[np.int64]) -> int:
    """Number of pixels of the region, and how many there are of each squared distance."""
    pixels = 0
    for i in range(len(squared)):
        if squared[i] > 0:
            frequency[squared[i]] += 1
            pixels += 1
    return pixels


@compiled
def _mean_and_median(frequency: npt.NDArray[np.int64], pixels: int) -> tuple[float, float]:
    total, below, lower, upper = 0.0, 0, 0.0, 0.0
    for squared in range(1, len(frequency)):
        if frequency[squared] > 0:
            distance = np.sqrt(squared)
            total += distance * frequency[squared]
            # The two in the middle, which are one and the same where their number is odd.
            if below <= (pixels - 1) // 2:
                lower = distance
            if below <= pixels // 2:
                upper = distance
            below += frequency[squared]
    return total / pixels, (lower + upper) / 2
