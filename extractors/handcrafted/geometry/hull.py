"""Convex hulls of pixels and of outlines."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.arrays import Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.level_lines import Points
from extractors.handcrafted.geometry.runs import Runs

ROUNDING = 1e-9
"""Twice the area in px^2 of a triangle whose vertices are collinear up to rounding."""

SAME = 1e-4
"""Distance in px below which two vertices are merged, because their direction is rounding noise."""


def convex_hull(points: npt.NDArray[np.floating]) -> Points:
    """Select the vertices of the convex hull of points, in order; the selection uses single precision."""
    corners = cv2.convexHull(points.astype(np.float32), returnPoints=False)
    return np.asarray(points[np.asarray(corners).ravel()], dtype=np.float64)


def corner_hull(runs: Runs) -> Points:
    """Compute the convex hull of the corners of all pixels; one pixel is a square of side 1.

    Parameters
    ----------
    runs : Runs
        At least one.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Vertices (x, y) without collinear ones, from the top right one on, with positive signed area.
    """
    x = np.concatenate([runs.start, runs.start, runs.stop, runs.stop])
    y = np.concatenate([runs.row, runs.row + 1, runs.row, runs.row + 1])
    hull = cv2.convexHull(np.stack([x, y], axis=1).astype(np.int32))[:, 0]
    top_right = np.lexsort((-hull[:, 0], hull[:, 1]))[0]
    return np.asarray(np.roll(hull, -top_right, axis=0) - 0.5)


def hull_corners(polygon: Points) -> Int64Array:
    """Find the vertices of a simple polygon that are on its convex hull, by Melkman's algorithm.

    Vertices on an edge of the hull, up to rounding, are included.

    Parameters
    ----------
    polygon : ndarray of float64, shape (n, 2)
        With positive signed area.

    Returns
    -------
    ndarray of int64, shape (k,)
        Indices in ascending order.

    References
    ----------
    Melkman, On-line construction of the convex hull of a simple polyline, Information Processing Letters 25, 1987.
    """
    return np.sort(_melkman(np.ascontiguousarray(polygon)))


@compiled
def _turn(points: Points, a: int, b: int, c: int) -> float:
    """Twice the signed area of a triangle."""
    right, down = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    return float(right * (points[c, 1] - points[a, 1]) - down * (points[c, 0] - points[a, 0]))


@compiled
def _melkman(points: Points) -> Int64Array:
    n = len(points)
    # The topmost of the leftmost vertices is on the hull.
    first = 0
    for i in range(1, n):
        right = points[i, 0] - points[first, 0]
        if right < -ROUNDING or (right <= ROUNDING and points[i, 1] < points[first, 1]):
            first = i
    # Current hull, closed: the last added vertex is at both ends.
    ring = np.empty(2 * n + 1, dtype=np.int64)
    bottom, top = n - 1, n + 1
    ring[n], ring[bottom], ring[top] = first, (first + 1) % n, (first + 1) % n
    for step in range(2, n):
        new = (first + step) % n
        latest = ring[top]
        if abs(points[new, 0] - points[latest, 0]) + abs(points[new, 1] - points[latest, 1]) < SAME:
            continue
        from_bottom = _turn(points, ring[bottom], ring[bottom + 1], new)
        if from_bottom > ROUNDING and _turn(points, ring[top - 1], ring[top], new) > ROUNDING:
            continue
        if from_bottom <= ROUNDING:
            bottom += 1
        while _turn(points, ring[bottom], ring[bottom + 1], new) < -ROUNDING:
            bottom += 1
        while _turn(points, ring[top - 1], ring[top], new) < -ROUNDING:
            top -= 1
        bottom -= 1
        top += 1
        ring[bottom], ring[top] = new, new
    return ring[bottom + 1 : top + 1]
