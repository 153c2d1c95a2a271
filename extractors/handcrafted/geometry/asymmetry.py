"""How much of a region has no counterpart opposite its centroid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.runs import Runs

Integers = npt.NDArray[np.int64]


def asymmetry(runs: Runs, centroid: npt.NDArray[np.float64]) -> float:
    """Share of the pixels whose mirror point about the centroid lies outside the region.

    Mirror points fall between pixels; their membership is interpolated linearly, which keeps quarter turns and flips
    exact.

    Parameters
    ----------
    runs : Runs
        Of the region; at least one.
    centroid : ndarray of float64, shape (2,)
        (x, y).

    Returns
    -------
    float
        In [0, 1]; 1 where no pixel has its partner, as in a thin crescent.
    """
    (x, y), (right, down) = np.divmod(2 * centroid, 1)
    kept = 0.0
    for column, row, weight in (
        (x, y, (1 - right) * (1 - down)),
        (x + 1, y, right * (1 - down)),
        (x, y + 1, (1 - right) * down),
        (x + 1, y + 1, right * down),
    ):
        kept += weight * _partners(runs.row, runs.start, runs.stop, int(column), int(row))
    return float(1 - kept / (runs.stop - runs.start).sum())


@compiled
def _partners(row: Integers, start: Integers, stop: Integers, sum_x: int, sum_y: int) -> int:
    """Number of pixels p in the region with (sum_x, sum_y) - p in it too."""
    kept = 0
    end = len(row)
    for i in range(len(row)):
        opposite = sum_y - row[i]
        while end > 0 and row[end - 1] > opposite:
            end -= 1
        j = end - 1
        while j >= 0 and row[j] == opposite:
            kept += max(0, min(stop[i], sum_x - start[j] + 1) - max(start[i], sum_x - stop[j] + 1))
            j -= 1
    return kept
