"""Number of lobes into which a region separates under erosion."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Int32Array, Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled


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
    """Find where the peaks of a height map merge; a plateau may count as several peaks that merge at its own height.

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
    flat, highest = heights.ravel(), heights.max()
    pixels = np.flatnonzero(flat)
    # In a type of at most 16 bits, NumPy's stable sort is a radix sort, five times as fast.
    depth = (highest - flat[pixels]).astype(np.min_scalar_type(highest))
    return _merges(flat, pixels[np.argsort(depth, kind="stable")], heights.shape[1])


@compiled
def _merges(flat: Int32Array, falling: Int64Array, width: int) -> Int32Array:
    """Flood the height map from above: a pixel joins the part of its neighbours, or is the peak of a new one."""
    around = np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
    part_of = np.full(flat.size, -1, dtype=np.int32)
    parent = np.arange(len(falling))
    merged = np.zeros((2, len(falling)), dtype=np.int32)
    count = 0
    for pixel in falling:
        own = -1
        for offset in around:
            part = part_of[pixel + offset]
            if part < 0 or part == own:
                continue
            while parent[part] != part:
                parent[part] = parent[parent[part]]
                part = parent[part]
            if own >= 0 and own != part:
                # Parts are numbered from the highest peak on.
                own, part = min(own, part), max(own, part)
                parent[part], merged[1, part] = own, flat[pixel]
            else:
                own = part
        if own < 0:
            own = count
            merged[0, own] = flat[pixel]
            count += 1
        part_of[pixel] = own
    return merged[:, 1:count].copy()
