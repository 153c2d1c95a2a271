"""Closed level lines of a grid of values by marching squares."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from extractors.arrays import Float32Array, Float64Array, Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled

Points = Float64Array
"""Vertices (x, y) of a closed polygon, shape (n, 2); the last is connected to the first."""


def level_loops(values: Float32Array, level: float) -> list[Points]:
    """Trace the closed lines along which `values` cross `level`, by marching squares with linear interpolation.

    Diagonal neighbours at or above the level are connected. Loops are simple and disjoint, and equivariant under
    quarter turns and flips of the values up to rounding.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
        Below the level along all four sides.
    level : float

    Returns
    -------
    list of ndarray of float64, shape (n, 2)
        (x, y) of each loop; its signed area is positive around a region above the level, negative around a hole.
    """
    above = values >= level
    # Every loop enters the region above the level downwards at least once.
    entries = np.flatnonzero(above[1:] & ~above[:-1])
    points, ends = _trace(np.ascontiguousarray(values, dtype=np.float32), float(level), entries)
    return [points[start:end] for start, end in pairwise([0, *ends.tolist()])]


@compiled
def _trace(values: Float32Array, level: float, entries: Int64Array) -> tuple[Points, Int64Array]:
    """Vertices of all loops, concatenated, and the end of each loop."""
    # One crossing per pair of neighbours at most; unused memory is never touched.
    points = np.empty((2 * values.size, 2))
    ends = np.empty(len(entries), dtype=np.int64)
    seen = np.zeros(values.shape, dtype=np.bool_)
    count, loops = 0, 0
    for entry in entries:
        # (row, column) is below the level and (row + down, column + right) above it.
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
