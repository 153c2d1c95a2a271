"""Texture from connected zones of one grey level (Thibault 2009)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.bases import LevelsBase
from extractors.handcrafted.framework.feature import keyed
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import emphasis_features, size_zone_statistics
from extractors.handcrafted.framework.status import Measured

FEATURES = emphasis_features(
    item="zone", small="small_zone", large="large_zone", size="zone_size", source="Thibault 2009; IBSI"
)
"""With p the share of the zones that have level i (from 1) and s pixels."""


def glszm(quantised: Quantised) -> Measured:
    """Each feature of the zones.

    Parameters
    ----------
    quantised : Quantised
        Two levels or more.

    Returns
    -------
    Measured
        A value for each of `FEATURES`.
    """
    counts, sizes = zones(quantised)
    return dict(zip(keyed(FEATURES), size_zone_statistics(counts[None], sizes)[:, 0].tolist(), strict=True))


class Glszm(LevelsBase):
    """Texture from 8-connected zones of one grey level.

    Its parameters are those of `LevelsBase`.
    """

    family = "glszm"
    features = FEATURES
    of = staticmethod(glszm)


def zones(quantised: Quantised) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number of 8-connected zones by level and size.

    Parameters
    ----------
    quantised : Quantised
        A zone ends where the level changes or the region does.

    Returns
    -------
    counts : ndarray of int64, shape (count, k)
        Level i in row i - 1.
    sizes : ndarray of int64, shape (k,)
        Pixels of the zones of each column; those that occur, rising.
    """
    pixels = _pixels_of_zones(quantised.framed)
    roots = np.flatnonzero(pixels)
    level, size = quantised.framed.ravel()[roots].astype(np.int64), pixels[roots]
    occurs = np.bincount(size) > 0
    sizes = np.flatnonzero(occurs)
    column = np.cumsum(occurs) - 1
    cells = (level - 1) * len(sizes) + column[size]
    counts = np.bincount(cells, minlength=quantised.count * len(sizes))
    return counts.reshape(quantised.count, len(sizes)), sizes


@compiled
def _pixels_of_zones(framed: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Number of pixels of the zone of which a pixel is the first, else 0, by union-find; shape (height * width,)."""
    height, width = framed.shape
    flat = framed.ravel()
    parent = np.empty(flat.size, dtype=np.int64)
    for here in range(flat.size):
        parent[here] = here
    for row in range(1, height - 1):
        for here in range(row * width + 1, row * width + width - 1):
            level = flat[here]
            if level == 0:
                continue
            above = here - width
            # The pixel above touches all others that come before, and the left one touches the one above it.
            if flat[above] == level:
                parent[here] = parent[above]
                continue
            left = here
            if flat[here - 1] == level:
                left = here - 1
            elif flat[above - 1] == level:
                left = above - 1
            parent[here] = parent[left]
            if flat[above + 1] == level:
                first, second = _root(parent, parent[here]), _root(parent, above + 1)
                parent[max(first, second)] = min(first, second)
                parent[here] = min(first, second)
    pixels = np.zeros(flat.size, dtype=np.int64)
    for here in range(flat.size):
        # Parents come first, so that the parent's own is its root by now.
        parent[here] = parent[parent[here]]
        pixels[parent[here]] += flat[here] > 0
    return pixels


@compiled
def _root(parent: npt.NDArray[np.int64], pixel: int) -> int:
    """Root of a pixel's zone; halves the way there."""
    while parent[pixel] != pixel:
        parent[pixel] = parent[parent[pixel]]
        pixel = parent[pixel]
    return pixel
