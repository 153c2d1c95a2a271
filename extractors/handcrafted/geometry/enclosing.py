"""Smallest enclosing rectangle and circle of a convex polygon."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.level_lines import Points

ROUNDING = 1e-9
"""Relative difference up to which two areas are equal."""


def smallest_rectangle(hull: Points) -> tuple[float, float]:
    """Compute the longer and shorter side of the enclosing rectangle of least area at any angle.

    One of its sides contains an edge of the polygon [1]_. Ties go to the longest rectangle.

    Parameters
    ----------
    hull : ndarray of float64, shape (n, 2)
        Distinct vertices (x, y) in order, at least 3, not collinear.

    References
    ----------
    .. [1] Freeman & Shapira, Determining the minimum-area encasing rectangle for an arbitrary closed curve, CACM 18
       (1975) 409.
    """
    return _rectangle(np.ascontiguousarray(hull))


def smallest_circle(points: Points) -> float:
    """Compute the radius of the smallest circle that contains all points [1]_.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 2)
        (x, y); at least one point.

    References
    ----------
    .. [1] Welzl, Smallest enclosing disks, LNCS 555 (1991) 359; iterative variant.
    """
    return float(np.sqrt(_squared_radius(np.ascontiguousarray(points))))


@compiled
def _rectangle(hull: Points) -> tuple[float, float]:
    n = len(hull)
    least, longer, shorter = np.inf, 0.0, 0.0
    for i in range(n):
        j = (i + 1) % n
        right, down = hull[j, 0] - hull[i, 0], hull[j, 1] - hull[i, 1]
        length = np.hypot(right, down)
        right, down = right / length, down / length
        first, last, height = 0.0, 0.0, 0.0
        for k in range(n):
            x, y = hull[k, 0] - hull[i, 0], hull[k, 1] - hull[i, 1]
            along = x * right + y * down
            first, last = min(first, along), max(last, along)
            height = max(height, abs(x * down - y * right))
        width = last - first
        area = width * height
        equal = abs(area - least) <= ROUNDING * area
        if (equal and max(width, height) > longer) or (not equal and area < least):
            least, longer, shorter = area, max(width, height), min(width, height)
    return longer, shorter


@compiled
def _squared_radius(points: Points) -> float:
    """Incremental: a point outside the smallest circle of its predecessors is on the new smallest circle."""
    x, y, squared = points[0, 0], points[0, 1], 0.0
    for i in range(1, len(points)):
        ix, iy = points[i, 0], points[i, 1]
        if (ix - x) ** 2 + (iy - y) ** 2 <= squared * (1 + ROUNDING):
            continue
        x, y, squared = ix, iy, 0.0
        for j in range(i):
            jx, jy = points[j, 0], points[j, 1]
            if (jx - x) ** 2 + (jy - y) ** 2 <= squared * (1 + ROUNDING):
                continue
            x, y = (ix + jx) / 2, (iy + jy) / 2
            squared = (ix - x) ** 2 + (iy - y) ** 2
            for k in range(j):
                kx, ky = points[k, 0], points[k, 1]
                if (kx - x) ** 2 + (ky - y) ** 2 <= squared * (1 + ROUNDING):
                    continue
                # Circle through three points, relative to the first.
                ax, ay, bx, by = jx - ix, jy - iy, kx - ix, ky - iy
                twice = 2 * (ax * by - ay * bx)
                a, b = ax * ax + ay * ay, bx * bx + by * by
                across, down = (by * a - ay * b) / twice, (ax * b - bx * a) / twice
                x, y, squared = ix + across, iy + down, across * across + down * down
    return squared
