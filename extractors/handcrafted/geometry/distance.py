"""Exact Euclidean distance transform."""

from __future__ import annotations

import numpy as np

from extractors.arrays import BoolArray, Int32Array
from extractors.handcrafted.framework.numba_kernels import compiled


def squared_distance(mask: BoolArray) -> Int32Array:
    """Compute the squared distance between the centres of each pixel and the nearest one outside the mask: an integer.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        False along its four sides.

    Returns
    -------
    ndarray of int32, shape (height, width)
        In px^2; 0 outside.

    References
    ----------
    Felzenszwalb & Huttenlocher, Distance transforms of sampled functions, Theory of Computing 8, 2012.
    """
    return _rowwise(_columnwise(np.ascontiguousarray(mask)))


@compiled
def _columnwise(mask: BoolArray) -> Int32Array:
    """Distance to the nearest pixel outside in the same column."""
    height, width = mask.shape
    distance = np.zeros((height, width), dtype=np.int32)
    for y in range(1, height):
        for x in range(width):
            if mask[y, x]:
                distance[y, x] = distance[y - 1, x] + 1
    for y in range(height - 2, -1, -1):
        for x in range(width):
            distance[y, x] = min(distance[y, x], distance[y + 1, x] + 1)
    return distance


@compiled
def _rowwise(heights: Int32Array) -> Int32Array:
    """Smallest of (x - u)^2 + heights[y, u]^2 = x^2 + F(u) - 2 x u over all u of a row.

    The minimum is attained at a vertex of the lower convex hull of the points (u, F(u)).
    """
    rows, columns = heights.shape
    squared = np.zeros((rows, columns), dtype=np.int32)
    where = np.empty(columns, dtype=np.int64)
    value = np.empty(columns, dtype=np.int64)
    for y in range(1, rows - 1):
        row = heights[y]
        left = 1
        while left < columns - 1 and row[left] == 0:
            left += 1
        right = columns - 2
        while right > left and row[right] == 0:
            right -= 1
        # The last two vertices are kept in local variables.
        last, u0, f0, u1, f1 = 0, left - 1, (left - 1) ** 2, left - 1, (left - 1) ** 2
        where[0], value[0] = u1, f1
        for x in range(left, right + 2):
            new = np.int64(row[x]) * row[x] + x * x
            while last > 0 and (new - f1) * (u1 - u0) <= (f1 - f0) * (x - u1):
                last -= 1
                u1, f1 = u0, f0
                if last > 0:
                    u0, f0 = where[last - 1], value[last - 1]
            last += 1
            u0, f0, u1, f1 = u1, f1, x, new
            where[last], value[last] = x, new
        corner, u0, f0 = 0, where[0], value[0]
        step, rise = where[1] - u0, value[1] - f0
        for x in range(left, right + 1):
            while rise <= 2 * x * step:
                corner += 1
                u0, f0 = u0 + step, f0 + rise
                if corner == last:
                    step, rise = 0, 1
                else:
                    step, rise = where[corner + 1] - u0, value[corner + 1] - f0
            squared[y, x] = x * x + f0 - 2 * x * u0
    return squared


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
    frequency = np.bincount(squared_distance.ravel())
    squares = 1 + np.flatnonzero(frequency[1:])
    distances, counts = np.sqrt(squares), frequency[squares]
    total, below = np.cumsum(distances * counts)[-1], np.cumsum(counts)
    # Both middle values; equal if the number of pixels is odd.
    lower, upper = distances[np.searchsorted(below, [(below[-1] - 1) // 2, below[-1] // 2], side="right")]
    return float(distances[-1]), float(total / below[-1]), float((lower + upper) / 2)
