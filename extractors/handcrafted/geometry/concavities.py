"""Concavities between an outline and its convex hull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extractors.arrays import Float64Array, Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.hull import hull_corners
from extractors.handcrafted.geometry.level_lines import Points


@dataclass(frozen=True)
class Concavities:
    """Intervals of an outline between neighbours on its convex hull; at least three entries.

    Parameters
    ----------
    depth : ndarray of float64
        Largest distance of the outline from the chord.
    opening : ndarray of float64
        Length of the chord.
    area : ndarray of float64
        Area between chord and outline.
    middle : ndarray of float64, shape (n, 2)
        (x, y) of the midpoint of the chord.
    """

    depth: Float64Array
    opening: Float64Array
    area: Float64Array
    middle: Points


def concavities(outline: Points) -> Concavities:
    """Measure the intervals of an outline between neighbours on its convex hull.

    Parameters
    ----------
    outline : ndarray of float64, shape (n, 2)
        (x, y) of the vertices of a simple polygon with positive signed area.
    """
    measures = _intervals(np.ascontiguousarray(outline), hull_corners(outline))
    return Concavities(measures[0], measures[1], measures[2], measures[3:].T)


@compiled
def _intervals(points: Points, corners: Int64Array) -> Float64Array:
    """Rows: depth, opening, area, x and y of the midpoint of the chord."""
    n, count = len(points), len(corners)
    measures = np.zeros((5, count))
    for i in range(count):
        start, end = corners[i], corners[(i + 1) % count]
        x, y = points[start]
        right, down = points[end, 0] - x, points[end, 1] - y
        opening = np.hypot(right, down)
        deepest, twice = 0.0, 0.0
        here = start
        while here != end:
            there = (here + 1) % n
            x0, y0 = points[here, 0] - x, points[here, 1] - y
            x1, y1 = points[there, 0] - x, points[there, 1] - y
            deepest = max(deepest, abs(right * y0 - down * x0))
            twice += x0 * y1 - y0 * x1
            here = there
        measures[0, i], measures[1, i], measures[2, i] = deepest / opening, opening, abs(twice) / 2
        measures[3, i], measures[4, i] = x + right / 2, y + down / 2
    return measures
