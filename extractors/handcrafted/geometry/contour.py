"""Sub-pixel outlines of a mask, and lengths and areas of polygons."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.level_lines import Points, level_loops

BoolMask = npt.NDArray[np.bool_]

SAMPLES = 256
"""Points of a smooth contour."""

_WHOLE = 4096
"""Sum of the blur's weights: blurred twice, once along each axis, a pixel counts 2^24, the last integer in float32."""


def outline(mask: BoolMask, *, sigma: float = 1.0) -> Points | None:
    """Sub-pixel outline: where the Gaussian-blurred mask crosses 0.5, a corner for each grid line that it crosses.

    Blurred in whole numbers, so that quarter turns and flips of the mask turn and flip the outline, but for rounding.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    sigma : float
        Standard deviation of the blur in pixels.

    Returns
    -------
    ndarray of float64, shape (n, 2), or None
        (x, y) of the loop of largest area, in pixel centres of `mask`, of positive signed area; it never touches
        itself. None where blurring leaves nothing above 0.5, such as a line one pixel wide.
    """
    weights = _weights(sigma)
    margin = len(weights) // 2 + 1
    padded = cv2.copyMakeBorder(mask.astype(np.uint8), *(margin,) * 4, cv2.BORDER_CONSTANT, value=0)
    blurred = np.asarray(cv2.sepFilter2D(padded, cv2.CV_32F, weights, weights), dtype=np.float32)
    # No whole number is the level, so that no corner lies on a pixel's centre.
    loops = level_loops(blurred, _WHOLE**2 / 2 - 0.5)
    if not loops:
        return None
    return (loops[0] if len(loops) == 1 else max(loops, key=signed_area)) - margin


def smooth_contour(loop: Points) -> Points:
    """An outline at `SAMPLES` points equally spaced along it, from the corner farthest from its centroid.

    Quarter turns and flips of the outline turn and flip the points, but for rounding: the farthest corner turns with
    it, or is one of several that a symmetry of the outline maps to each other. On ellipses down to a radius of 20 px
    length and area lie within 0.6 % of the truth, where a pixel contour's length is 5 % too long.

    Parameters
    ----------
    loop : ndarray of float64, shape (n, 2)
        As from `outline`.

    Returns
    -------
    ndarray of float64, shape (SAMPLES, 2)
    """
    return resample(loop, SAMPLES, start=_farthest(loop))


def resample(loop: Points, count: int, *, start: int = 0) -> Points:
    """`count` points at equal distances along a closed polygon, from its corner `start`.

    The points are the same in whatever sense the polygon is walked; not defined for one of length 0.
    """
    return _walk(np.ascontiguousarray(loop), count, start)


def signed_area(polygon: Points) -> float:
    """Area of a closed polygon by the shoelace formula; the sign tells its sense."""
    return float(_area(np.ascontiguousarray(polygon)))


def polygon_length(polygon: Points) -> float:
    """Length of a closed polygon."""
    return float(_length(np.ascontiguousarray(polygon)))


@cache
def _weights(sigma: float) -> npt.NDArray[np.float32]:
    """Gaussian weights in whole numbers that sum to `_WHOLE`."""
    reach = int(np.ceil(4 * sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = np.rint(_WHOLE * bell / bell.sum())
    weights[reach] += _WHOLE - weights.sum()
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
    """The corner farthest from the centroid of what the polygon encloses.

    Not from the mean of the corners: those of a bump on a straight side lie evenly about the middle, though the shape
    does not.
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
def _walk(loop: Points, count: int, start: int) -> Points:
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
