"""Number of lobes into which a region separates under erosion."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Int32Array, Int64Array, UInt8Array
from extractors.handcrafted.framework.numba_kernels import compiled

_RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""Offsets (down, right) of the eight neighbours, in the order of the bits of a neighbourhood code."""


def _parts_of_ring(code: int) -> int:
    """Number of connected groups among the neighbours whose bit is set."""
    parts: list[set[tuple[int, int]]] = []
    for pixel in (pixel for bit, pixel in enumerate(_RING) if code >> bit & 1):
        near = [part for part in parts if any(max(abs(pixel[0] - y), abs(pixel[1] - x)) == 1 for y, x in part)]
        parts = [part for part in parts if part not in near] + [{pixel}.union(*near)]
    return len(parts)


_SIDES = np.array([_parts_of_ring(code) for code in range(256)], dtype=np.uint8)
"""Number of ascending directions by code: 0 at a peak, 1 on a slope, more at a saddle."""


def count_lobes(squared: Int32Array, noise: float) -> tuple[int, float]:
    """Compute the largest number of components under erosion, and how early the first one separates.

    Erosion by e leaves the pixels whose distance to the outside exceeds e. A component counts as a lobe while it
    survives a further erosion by `noise`; otherwise each bump of a ridge would be a lobe. The merge tree of the
    components for decreasing e covers all e.

    Parameters
    ----------
    squared : ndarray of int32, shape (height, width)
        Squared distance to the outside; 0 outside and along all four sides; at least one value is positive.
    noise : float
        In pixels.

    Returns
    -------
    lobes : int
        At least 1.
    split : float
        1 - e / largest distance, where e is the smallest erosion that leaves two components; 0 if none does, 1 if the
        region has several components.
    """
    peaks, saddles = np.sqrt(merges(squared))
    lasting = peaks - saddles > noise
    if not lasting.any():
        return 1, 0.0
    appear, vanish = np.sort(saddles[lasting]), np.sort(peaks[lasting] - noise)
    alive = np.arange(1, len(appear) + 1) - np.searchsorted(vanish, appear, side="right")
    return 1 + int(alive.max()), float(1 - appear[0] / np.sqrt(squared.max()))


def merges(heights: Int32Array) -> Int32Array:
    """Compute the merge tree of the peaks of a height map.

    Parameters
    ----------
    heights : ndarray of int32, shape (height, width)
        0 outside and along all four sides.

    Returns
    -------
    ndarray of int32, shape (2, n_peaks - 1)
        For each peak but the highest, its height and the height of the saddle where it merges with a higher one, 0 if
        it never does.
    """
    flat = np.ascontiguousarray(heights).ravel()
    higher = _higher(np.ascontiguousarray(heights)).ravel()
    critical = _critical_points(higher, _SIDES)
    is_peak = higher[critical] == 0
    saddles = critical[~is_peak]
    falling = saddles[np.argsort(-flat[saddles], kind="stable")]
    peaks = critical[is_peak]
    tree = np.stack([flat[peaks], _saddle_heights(flat, higher, heights.shape[1], peaks, falling)])
    # A peak that never merges with a higher one is the highest of its component.
    highest = np.argmax(np.where(tree[1] == 0, tree[0], 0))
    return tree[:, np.arange(len(peaks)) != highest]


@compiled
def _higher(heights: Int32Array) -> UInt8Array:
    """Code of the higher neighbours of each pixel, one bit each; of equal heights, the earlier pixel is higher.

    Pixels outside have the code of a slope.
    """
    rows, columns = heights.shape
    code = np.ones((rows, columns), dtype=np.uint8)
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            own = heights[y, x]
            code[y, x] = (own == 0) | (own > 0) * (
                (heights[y - 1, x - 1] >= own)
                | (heights[y - 1, x] >= own) << 1
                | (heights[y - 1, x + 1] >= own) << 2
                | (heights[y, x + 1] > own) << 3
                | (heights[y + 1, x + 1] > own) << 4
                | (heights[y + 1, x] > own) << 5
                | (heights[y + 1, x - 1] > own) << 6
                | (heights[y, x - 1] >= own) << 7
            )
    return code


@compiled
def _critical_points(code: UInt8Array, sides: UInt8Array) -> Int64Array:
    pixels = np.empty(code.size, dtype=np.int64)
    count = 0
    for pixel in range(code.size):
        pixels[count] = pixel
        count += sides[code[pixel]] != 1
    return pixels[:count].copy()


@compiled
def _above(code: UInt8Array, around: Int64Array, pixel: int) -> int:
    """A higher neighbour."""
    side = 0
    while not code[pixel] >> side & 1:
        side += 1
    return int(pixel + around[side])


@compiled
def _root(parent: Int64Array, part: int) -> int:
    while parent[part] != part:
        parent[part] = parent[parent[part]]
        part = parent[part]
    return part


@compiled
def _saddle_heights(
    flat: Int32Array, code: UInt8Array, width: int, peaks: Int64Array, saddles: Int64Array
) -> Int32Array:
    """Height at which each peak merges with a higher one; 0 if it never does."""
    around = np.array([-width - 1, -width, -width + 1, 1, width + 1, width, width - 1, -1])
    part_of = np.full(flat.size, -1, dtype=np.int32)
    parent = np.arange(len(peaks))
    merged = np.zeros(len(peaks), dtype=np.int32)
    for part in range(len(peaks)):
        part_of[peaks[part]] = part
    for saddle in saddles:
        own = -1
        for side in range(8):
            if not code[saddle] >> side & 1:
                continue
            # Climb to a pixel whose part is known; then assign the part to the pixels on the way.
            end = saddle + around[side]
            while part_of[end] < 0:
                end = _above(code, around, end)
            step = saddle + around[side]
            while part_of[step] < 0:
                part_of[step] = part_of[end]
                step = _above(code, around, step)
            part = _root(parent, part_of[end])
            if own >= 0 and own != part:
                if flat[peaks[part]] > flat[peaks[own]]:
                    own, part = part, own
                parent[part] = own
                merged[part] = flat[saddle]
            else:
                own = part
    return merged
