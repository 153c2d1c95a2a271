"""Outlines of a mask: pixel contour, sub-pixel smooth contour, convex hull, and lengths and areas of polygons."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

BoolMask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]
"""Corners of a closed polygon as (x, y), shape (n, 2); the last is joined to the first."""

SAMPLES = 256
"""Points of a smooth contour."""

# A unit square's corners, clockwise from the upper left, have the bits 1, 2, 4, 8; its edges the numbers 0 (top),
# 1 (right), 2 (bottom), 3 (left). Each crossing leads from the edge where a clockwise walk leaves the region to the
# next one where it enters again, so that neighbouring squares chain. -1: no (second) crossing.
_LEAVES = np.array([-1, 0, 1, 1, 2, 0, 2, 2, 3, 0, 1, 1, 3, 0, 3, -1])
_ENTERS = np.array([-1, 3, 0, 3, 1, 1, 0, 3, 2, 2, 2, 2, 1, 1, 0, -1])
_SADDLES = {5: (2, 3), 10: (3, 0)}


def pixel_contour(mask: BoolMask) -> npt.NDArray[np.int32]:
    """Outer contour of the largest component through the centres of its border pixels.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of int32, shape (n, 2)
        (x, y), 8-connected steps; empty for an empty mask.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2), dtype=np.int32)
    largest = max(contours, key=lambda c: (cv2.contourArea(c), len(c)))
    return np.asarray(largest, dtype=np.int32).reshape(-1, 2)


def corner_hull(mask: BoolMask) -> Points:
    """Convex hull of the corners of all pixels, so that one pixel is a square of side 1; empty for an empty mask."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2))
    centres = np.concatenate([np.asarray(c).reshape(-1, 2) for c in contours]).astype(np.float32)
    offsets = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], dtype=np.float32)
    return convex_hull((centres[:, None] + offsets).reshape(-1, 2))


def convex_hull(points: npt.NDArray[np.floating]) -> Points:
    """Corners of the convex hull, in order."""
    return np.asarray(cv2.convexHull(points.astype(np.float32)), dtype=np.float64).reshape(-1, 2)


def smooth_contour(mask: BoolMask, *, sigma: float = 1.0) -> Points | None:
    """Sub-pixel outline: where the Gaussian-blurred mask crosses 0.5, at `SAMPLES` points equally spaced along it.

    On ellipses down to a radius of 20 px its length and area lie within 0.6 % of the truth, where a pixel contour's
    length is 5 % too long.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    sigma : float
        Standard deviation of the blur in pixels.

    Returns
    -------
    ndarray of float64, shape (SAMPLES, 2), or None
        (x, y) of the loop of largest area, in pixel centres of `mask`, turning so that its signed area is positive.
        None where blurring leaves nothing above 0.5, such as a line one pixel wide.
    """
    margin = int(np.ceil(4 * sigma)) + 1
    padded = np.pad(mask, margin).astype(np.float32)
    loops = level_loops(cv2.GaussianBlur(padded, (0, 0), sigma), 0.5)
    if not loops:
        return None
    largest = max(loops, key=lambda loop: abs(signed_area(loop)))
    if signed_area(largest) < 0:
        largest = largest[::-1]
    return resample(largest, SAMPLES) - margin


def level_loops(values: npt.NDArray[np.floating], level: float) -> list[Points]:
    """Closed lines along which `values` cross `level`, by marching squares with linear interpolation.

    Diagonal neighbours at or above the level are taken as connected. Lines that leave the array are left out.

    Parameters
    ----------
    values : ndarray of float, shape (height, width)
    level : float

    Returns
    -------
    list of ndarray of float64, shape (n, 2)
        (x, y) of each loop.
    """
    follows = _successors(values >= level)
    loops = []
    while follows:
        first, edge = follows.popitem()
        chain = [first]
        while edge in follows:
            chain.append(edge)
            edge = follows.pop(edge)
        if edge == first:
            loops.append(_crossings(np.array(chain), values, level))
    return loops


def resample(loop: Points, count: int) -> Points:
    """`count` points at equal distances along a closed polygon; not defined for a loop of length 0."""
    closed = np.concatenate([loop, loop[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    wanted = np.arange(count) * (along[-1] / count)
    return np.stack([np.interp(wanted, along, closed[:, 0]), np.interp(wanted, along, closed[:, 1])], axis=1)


def signed_area(polygon: Points) -> float:
    """Area of a closed polygon by the shoelace formula; the sign tells its sense."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def polygon_length(polygon: Points) -> float:
    """Length of a closed polygon."""
    return float(np.sum(np.hypot(*(np.roll(polygon, -1, axis=0) - polygon).T)))


def _successors(inside: BoolMask) -> dict[int, int]:
    """For each grid edge that a level line leaves a square through, the edge that it came in by."""
    width = inside.shape[1]
    bits = inside.astype(np.uint8)
    codes = bits[:-1, :-1] + 2 * bits[:-1, 1:] + 4 * bits[1:, 1:] + 8 * bits[1:, :-1]
    rows, columns = np.nonzero((codes != 0) & (codes != 15))
    base = rows * width + columns
    code = codes[rows, columns]
    offsets = np.array([0, inside.size + 1, width, inside.size])
    follows = dict(zip((base + offsets[_LEAVES[code]]).tolist(), (base + offsets[_ENTERS[code]]).tolist(), strict=True))
    for saddle, (leaves, enters) in _SADDLES.items():
        at = base[code == saddle]
        follows.update(zip((at + offsets[leaves]).tolist(), (at + offsets[enters]).tolist(), strict=True))
    return follows


def _crossings(edges: npt.NDArray[np.int64], values: npt.NDArray[np.floating], level: float) -> Points:
    upright = edges >= values.size
    start = np.where(upright, edges - values.size, edges)
    flat = values.ravel().astype(np.float64)
    one, other = flat[start], flat[start + np.where(upright, values.shape[1], 1)]
    share = (level - one) / (other - one)
    rows, columns = np.divmod(start, values.shape[1])
    return np.stack([columns + np.where(upright, 0.0, share), rows + np.where(upright, share, 0.0)], axis=1)
