"""What lies between an outline and its convex hull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.hull import hull_corners
from extractors.handcrafted.geometry.level_lines import Points


@dataclass(frozen=True)
class Concavities:
    """The intervals of an outline between neighbours on its convex hull, one entry each; at least three.

    Parameters
    ----------
    depth : ndarray of float64
        Largest distance of the outline from the chord.
    opening : ndarray of float64
        Length of the chord.
    area : ndarray of float64
        Between chord and outline.
    middle : ndarray of float64, shape (n, 2)
        (x, y) of the chord's middle.
    """

    depth: npt.NDArray[np.float64]
    opening: npt.NDArray[np.float64]
    area: npt.NDArray[np.float64]
    middle: Points


def concavities(outline: Points) -> Concavities:
    """Every interval of an outline between two neighbours on its convex hull.

    Parameters
    ----------
    outline : ndarray of float64, shape (n, 2)
        (x, y) of the corners of a polygon that does not touch itself, with positive signed area.
    """
    found = _intervals(np.ascontiguousarray(outline), hull_corners(outline))
    return Concavities(found[0], found[1], found[2], found[3:].T)


@compiled
def _intervals(points: Points, corners: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Depth, opening, area, and x and y of the middle of the chord, each a row."""
    n, count = len(points), len(corners)
    found = np.zeros((5, count))
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
        found[0, i], found[1, i], found[2, i] = deepest / opening, opening, abs(twice) / 2
        found[3, i], found[4, i] = x + right / 2, y + down / 2
    return found
