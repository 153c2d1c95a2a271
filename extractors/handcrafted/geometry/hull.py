"""Convex hulls of pixels and of outlines, and the widths of a hull."""

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
        Vertices (x, y) without collinear ones, with positive signed area.
    """
    return _hull_of_rows(runs.row, runs.start, runs.stop)


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


def hull_widths(hull: Points) -> tuple[float, float]:
    """Compute the largest and smallest width (Feret diameters) of a convex polygon.

    The largest is the distance of two vertices; the smallest is perpendicular to an edge.
    """
    return _widths(np.ascontiguousarray(hull))


@compiled
def _turn(points: Points, a: int, b: int, c: int) -> float:
    """Twice the signed area of a triangle."""
    right, down = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    return float(right * (points[c, 1] - points[a, 1]) - down * (points[c, 0] - points[a, 0]))


@compiled
def _hull_of_rows(row: Int64Array, start: Int64Array, stop: Int64Array) -> Points:
    """Down the right side, then up the left side, removing vertices that are not convex."""
    n = len(row)
    hull = np.empty((4 * n, 2))
    count, base = 0, 0
    for step in range(4 * n):
        down = step < 2 * n
        run = step // 2 if down else 2 * n - 1 - step // 2
        beside = run + 1 if down else run - 1
        if step == 2 * n:
            base = count - 1
        if 0 <= beside < n and row[beside] == row[run]:
            continue
        x = stop[run] - 0.5 if down else start[run] - 0.5
        y = row[run] - 0.5 + (step % 2 if down else 1 - step % 2)
        while count > base + 1 and (hull[count - 1, 0] - hull[count - 2, 0]) * (y - hull[count - 2, 1]) <= (
            hull[count - 1, 1] - hull[count - 2, 1]
        ) * (x - hull[count - 2, 0]):
            count -= 1
        hull[count, 0], hull[count, 1] = x, y
        count += 1
    return hull[:count].copy()


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


@compiled
def _widths(hull: Points) -> tuple[float, float]:
    n = len(hull)
    largest, smallest = 0.0, np.inf
    for i in range(n):
        j = (i + 1) % n
        height = 0.0
        for k in range(n):
            across = hull[k, 0] - hull[i, 0]
            down = hull[k, 1] - hull[i, 1]
            largest = max(largest, across * across + down * down)
            height = max(height, abs(_turn(hull, i, j, k)))
        smallest = min(smallest, height / np.hypot(hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]))
    return np.sqrt(largest), smallest
