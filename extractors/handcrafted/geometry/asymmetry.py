"""Asymmetry of a region under point reflection about its centroid."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Float64Array, Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.runs import Runs


def asymmetry(runs: Runs, centroid: Float64Array) -> float:
    """Compute the share of the pixels whose reflection about the centroid is outside the region.

    Reflections fall between pixels; membership is interpolated linearly, which is exact under quarter turns and flips.

    Parameters
    ----------
    runs : Runs
        At least one.
    centroid : ndarray of float64, shape (2,)
        (x, y).

    Returns
    -------
    float
        In [0, 1]; 1 if no reflection is inside, as for a thin crescent.
    """
    (x, y), (right, down) = np.divmod(2 * centroid, 1)
    partners = 0.0
    for column, row, weight in (
        (x, y, (1 - right) * (1 - down)),
        (x + 1, y, right * (1 - down)),
        (x, y + 1, (1 - right) * down),
        (x + 1, y + 1, right * down),
    ):
        partners += weight * _partners(runs.row, runs.start, runs.stop, int(column), int(row))
    return float(1 - partners / (runs.stop - runs.start).sum())


@compiled
def _partners(row: Int64Array, start: Int64Array, stop: Int64Array, sum_x: int, sum_y: int) -> int:
    """Number of pixels p of the region for which (sum_x, sum_y) - p is in the region."""
    partners = 0
    end = len(row)
    for i in range(len(row)):
        opposite = sum_y - row[i]
        while end > 0 and row[end - 1] > opposite:
            end -= 1
        j = end - 1
        while j >= 0 and row[j] == opposite:
            partners += max(0, min(stop[i], sum_x - start[j] + 1) - max(start[i], sum_x - stop[j] + 1))
            j -= 1
    return partners
