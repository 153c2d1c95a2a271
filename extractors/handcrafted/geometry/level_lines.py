"""Closed lines along which a grid of values crosses a level: marching squares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.numba_kernels import compiled

Points = npt.NDArray[np.float64]
"""Corners of a closed polygon as (x, y), shape (n, 2); the last is joined to the first."""


def level_loops(values: npt.NDArray[np.float32], level: float) -> list[Points]:
    """Closed lines along which `values` cross `level`, by marching squares with linear interpolation.

    Diagonal neighbours at or above the level are taken as connected. A loop never touches itself or another one, and
    quarter turns and flips of the values turn and flip its corners, but for rounding.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
        Below the level along the four sides.
    level : float

    Returns
    -------
    list of ndarray of float64, shape (n, 2)
        (x, y) of each loop, with what is above the level on its right as one looks at the image: the signed area is
        positive around what is above, negative around a hole.
    """
    above = values >= level
    # Every loop somewhere enters what is above the level downwards.
    entries = np.flatnonzero(above[1:] & ~above[:-1])
    points, ends = _trace(np.ascontiguousarray(values, dtype=np.float32), float(level), entries)
    return [points[start:end] for start, end in pairwise([0, *ends.tolist()])]


@compiled
def _trace(
    values: npt.NDArray[np.float32], level: float, entries: npt.NDArray[np.int64]
) -> tuple[Points, npt.NDArray[np.int64]]:
    """Corners of all loops one after the other, and where each loop ends."""
    # Room for a crossing between any two neighbours; what is never written to costs nothing.
    points = np.empty((2 * values.size, 2))
    ends = np.empty(len(entries), dtype=np.int64)
    seen = np.zeros(values.shape, dtype=np.bool_)
    count, loops = 0, 0
    for entry in entries:
        # One steps from crossing to crossing with `out` on the left and `out + (down, right)` above the level.
        row, column, down, right = entry // values.shape[1], entry % values.shape[1], 1, 0
        if seen[row, column]:
            continue
        while not (down == 1 and seen[row, column]):
            if down == 1:
                seen[row, column] = True
            low, high = np.float64(values[row, column]), np.float64(values[row + down, column + right])
            share = (level - low) / (high - low)
            points[count, 0], points[count, 1] = column + share * right, row + share * down
            count += 1
            ahead_row, ahead_column = row - right, column + down
            if values[ahead_row, ahead_column] >= level:
                down, right = -right, down
            elif values[ahead_row + down, ahead_column + right] >= level:
                row, column = ahead_row, ahead_column
            else:
                row, column = ahead_row + down, ahead_column + right
                down, right = right, -down
        ends[loops] = count
        loops += 1
    return points[:count].copy(), ends[:loops].copy()
