"""Convex hulls of pixels and of outlines, and the widths of a hull."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.compiled import compiled
from extractors.handcrafted.level_lines import Points

_CORNERS = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], dtype=np.float32)

ROUNDING = 1e-9
"""Twice the area in px^2 of a triangle whose corners lie on one line but for rounding."""

SAME = 1e-4
"""Distance in px of two corners that are taken for one, as the direction from one to the other says nothing."""


def convex_hull(points: npt.NDArray[np.floating]) -> Points:
    """Corners of the convex hull of points, in order; found in single precision, given as they are."""
    corners = cv2.convexHull(points.astype(np.float32), returnPoints=False)
    return np.asarray(points[np.asarray(corners).ravel()], dtype=np.float64)


def corner_hull(mask: npt.NDArray[np.bool_]) -> Points:
    """Convex hull of the corners of all pixels, so that one pixel is a square of side 1; empty for an empty mask."""
    contours, _ = cv2.findContours(np.ascontiguousarray(mask).view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2))
    # The hull of squares is that of the squares at the corners of the hull of their centres.
    centres = cv2.convexHull(np.concatenate(contours)).astype(np.float32)
    return convex_hull((centres + _CORNERS).reshape(-1, 2))


def hull_corners(polygon: Points) -> npt.NDArray[np.int64]:
    """Which corners of a polygon that does not touch itself lie on its convex hull, by Melkman's algorithm.

    Corners on an edge of the hull, but for rounding, are among them.

    Parameters
    ----------
    polygon : ndarray of float64, shape (n, 2)
        With positive signed area.

    Returns
    -------
    ndarray of int64, shape (k,)
        Rising.

    References
    ----------
    Melkman, On-line construction of the convex hull of a simple polyline, Information Processing Letters 25, 1987.
    """
    return np.sort(_melkman(np.ascontiguousarray(polygon)))


def hull_widths(hull: Points) -> tuple[float, float]:
    """Largest and smallest width of a convex polygon: Feret's diameters.

    The largest runs between two corners; the smallest stands upright on an edge.
    """
    largest, smallest = _widths(np.ascontiguousarray(hull))
    return float(largest), float(smallest)


@compiled
def _turn(points: Points, a: int, b: int, c: int) -> float:
    """Twice the signed area of the triangle of three points."""
    return (points[b, 0] - points[a, 0]) * (points[c, 1] - points[a, 1]) - (points[b, 1] - points[a, 1]) * (
        points[c, 0] - points[a, 0]
    )


@compiled
def _melkman(points: Points) -> npt.NDArray[np.int64]:
    n = len(points)
    # The upper one of the leftmost corners is no point amid an edge.
    first = 0
    for i in range(1, n):
        right = points[i, 0] - points[first, 0]
        if right < -ROUNDING or (right <= ROUNDING and points[i, 1] < points[first, 1]):
            first = i
    # The hull so far, closed: its latest corner stands at both ends.
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
