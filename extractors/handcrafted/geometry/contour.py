"""Border pixels and sub-pixel outlines of masks, and lengths and areas of polygons."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from extractors.arrays import BoolArray, Float32Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.level_lines import Points, level_loops

SAMPLES = 256
"""Number of points of a smooth contour."""

_WEIGHT_SUM = 4096
"""Sum of the weights of the blur; applied along both axes it gives 2^24, the largest exact integer in float32."""


def border(mask: BoolArray) -> BoolArray:
    """Select the pixels of a mask with at least one of their four neighbours outside."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inside = cv2.erode(mask.view(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(mask & (inside == 0))


def outline(mask: BoolArray, *, sigma: float = 1.0) -> Points | None:
    """Trace the sub-pixel outline where the Gaussian-blurred mask crosses 0.5, with one vertex per crossed grid line.

    The blur uses integers, so that the outline is equivariant under quarter turns and flips up to rounding.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    sigma : float
        Standard deviation of the blur in pixels.

    Returns
    -------
    ndarray of float64, shape (n, 2), or None
        (x, y) of the loop with the largest area, in pixel coordinates of `mask`; a simple polygon with positive signed
        area. None if no blurred value exceeds 0.5, as for a line one pixel wide.
    """
    weights = _weights(sigma)
    margin = len(weights) // 2 + 1
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), *(margin,) * 4, cv2.BORDER_CONSTANT, value=0)
    blurred = np.asarray(cv2.sepFilter2D(padded, cv2.CV_32F, weights, weights), dtype=np.float32)
    # The level is not an integer, so that no vertex is a pixel centre.
    loops = level_loops(blurred, _WEIGHT_SUM**2 / 2 - 0.5)
    if not loops:
        return None
    return (loops[0] if len(loops) == 1 else max(loops, key=signed_area)) - margin


def smooth_contour(loop: Points) -> Points:
    """Resample an outline at `SAMPLES` equally spaced points, starting at the vertex farthest from its centroid.

    Equivariant under quarter turns and flips up to rounding; if several vertices are farthest, a symmetry of the
    outline maps them to each other. For ellipses with radii of at least 20 px, length and area are within 0.6 % of the
    truth; the length of a pixel contour is 5 % too long.

    Parameters
    ----------
    loop : ndarray of float64, shape (n, 2)
        Result of `outline`.

    Returns
    -------
    ndarray of float64, shape (SAMPLES, 2)
    """
    loop = np.ascontiguousarray(loop)
    return resample(loop, SAMPLES, _farthest(loop))


def signed_area(polygon: Points) -> float:
    """Compute the area of a closed polygon by the shoelace formula; the sign is that of its orientation."""
    return float(_area(np.ascontiguousarray(polygon)))


def polygon_length(polygon: Points) -> float:
    """Compute the length of a closed polygon."""
    return float(_length(np.ascontiguousarray(polygon)))


@cache
def _weights(sigma: float) -> Float32Array:
    """Integer Gaussian weights that sum to `_WEIGHT_SUM`."""
    reach = int(np.ceil(4 * sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = np.rint(_WEIGHT_SUM * bell / bell.sum())
    weights[reach] += _WEIGHT_SUM - weights.sum()
    return np.asarray(weights, dtype=np.float32)


@compiled
def _area(points: Points) -> float:
    twice = 0.0
    x, y = points[0]
    for i in range(1, len(points) - 1):
        twice += (points[i, 0] - x) * (points[i + 1, 1] - y) - (points[i + 1, 0] - x) * (points[i, 1] - y)
    return twice / 2


@compiled
def _length(points: Points) -> float:
    length = 0.0
    for i in range(len(points)):
        length += np.sqrt((points[i, 0] - points[i - 1, 0]) ** 2 + (points[i, 1] - points[i - 1, 1]) ** 2)
    return length


@compiled
def _farthest(points: Points) -> int:
    """Index of the vertex farthest from the centroid of the enclosed area.

    The mean of the vertices is not suitable: the vertices of a bump on a straight side may balance it at the centre.
    """
    x0, y0 = points[0]
    twice, x, y = 0.0, 0.0, 0.0
    for i in range(1, len(points) - 1):
        x1, y1, x2, y2 = points[i, 0] - x0, points[i, 1] - y0, points[i + 1, 0] - x0, points[i + 1, 1] - y0
        cross = x1 * y2 - x2 * y1
        twice += cross
        x += cross * (x1 + x2) / 3
        y += cross * (y1 + y2) / 3
    x, y = x0 + x / twice, y0 + y / twice
    best, most = 0, -1.0
    for i in range(len(points)):
        away = (points[i, 0] - x) ** 2 + (points[i, 1] - y) ** 2
        if away > most:
            best, most = i, away
    return best


@compiled
def resample(loop: Points, count: int, start: int) -> Points:
    """Resample a closed polygon at `count` equally spaced points, starting at vertex `start`.

    The points do not depend on the direction of traversal. The length of the polygon must be positive.
    """
    n, length = len(loop), _length(loop)
    points = np.empty((count, 2))
    passed, done = 0.0, 0
    for i in range(n):
        here, there = (start + i) % n, (start + i + 1) % n
        right, down = loop[there, 0] - loop[here, 0], loop[there, 1] - loop[here, 1]
        step = np.sqrt(right * right + down * down)
        while done < count and (done * length / count <= passed + step or i == n - 1):
            share = min((done * length / count - passed) / step, 1.0) if step > 0 else 0.0
            points[done, 0], points[done, 1] = loop[here, 0] + share * right, loop[here, 1] + share * down
            done += 1
        passed += step
    return points
