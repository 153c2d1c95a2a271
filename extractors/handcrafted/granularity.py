"""Granularity spectrum: share of the intensity of a region in granules of each size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from extractors.handcrafted.framework.bases import Measured, TextureBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import FLAT, MaskedChannel
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.parameters import validated_integer, validated_names
from extractors.handcrafted.framework.status import Status

SOURCES = "Ravkin & Temov 1988; Vincent 1993; CellProfiler MeasureGranularity"

FEATURES = (
    Feature("share", "100 (mean before step k - mean after it) / mean before step 1", "%", "[0, 100]", SOURCES),
)
"""Feature of step k: share of granules that contain a diamond of radius k - 1 but none of radius k, in blocks."""

DARK, BRIGHT = "dark", "bright"

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


@dataclass(eq=False, repr=False, kw_only=True)
class Granularity(TextureBase):
    """Granularity spectrum: intensity removed by each step of erosion and reconstruction.

    Heights are values above the minimum of the region, so that the spectrum is invariant to brightness and contrast.
    Step k erodes the heights k times with the four neighbours, followed by reconstruction by dilation under the
    original heights (four neighbours). A granule that contains a diamond of radius k is restored completely; others are
    cut down to the level at which they contain one. The background neither erodes nor connects granules. The shares sum
    to at most 100; they are `FLAT` if the means of the blocks are constant, and `TOO_SMALL` if no block is in the
    region.

    Parameters
    ----------
    steps : int
        Number of steps, at least 1; the radius of the granules grows by `block` pixels per step.
    block : int
        Side in pixels of the squares whose means are the heights, in a grid centred on the bounding box; a square with
        less than half of its area in the region is background.
    granules : str
        `dark` for granules darker than their surroundings (chromatin in luma, red, green and blue), `bright` for
        brighter ones (chromatin in optical densities and stains).
    regions, channels : sequence of str or str
        See `TextureBase`.
    """

    steps: int = 16
    block: int = 2
    granules: str = DARK

    def _features(self) -> Mapping[str, Feature]:
        steps = validated_integer("steps", self.steps, 1)
        validated_integer("block", self.block, 1)
        validated_names([self.granules], (DARK, BRIGHT), "type of granules")
        return keyed(FEATURES, [f"k{step}" for step in range(1, steps + 1)])

    def _measure(self, target: MaskedChannel) -> Measured:
        means, inside = block_means(target.values, target.mask, self.block)
        if not inside.any():
            return Status.TOO_SMALL
        signed = -means if self.granules == DARK else means
        heights = np.where(inside, signed - signed[inside].min(), np.float32(0))
        total = float(heights.sum(dtype=np.float64))
        if total <= FLAT * np.count_nonzero(inside):
            return Status.FLAT
        left = np.array([total, *remainders(heights, inside, self.steps)])
        shares: list[float | Status] = (100 * (left[:-1] - left[1:]) / total).tolist()
        return shares


def block_means(values: Float32Array, mask: BoolArray, block: int) -> tuple[Float32Array, BoolArray]:
    """Average the pixels in the mask over squares, in a grid that is symmetric under quarter turns and flips.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
    mask : ndarray of bool, shape (height, width)
    block : int
        Side of the squares; pixels are split in half if the centring of the grid requires it.

    Returns
    -------
    means : ndarray of float32, shape (rows, columns)
        0 outside.
    inside : ndarray of bool, shape (rows, columns)
        Whether at least half of a square is in the mask.
    """
    area = _block_sums(_block_sums(mask, block).T, block).T
    sums = _block_sums(_block_sums(np.where(mask, values, 0), block).T, block).T
    inside = area >= 2 * block**2
    return np.where(inside, sums / np.maximum(area, 1), 0).astype(np.float32, order="C"), inside


def _block_sums(values: npt.NDArray[np.generic], block: int) -> Float64Array:
    """Twice the sums of groups of `block` rows, centred; exact, so independent of the order of summation."""
    halves = np.repeat(values.astype(np.float64), 2, axis=0)
    edge = -len(halves) % (2 * block) // 2
    padded = np.pad(halves, ((edge, edge), (0, 0)))
    return np.asarray(padded.reshape(-1, 2 * block, values.shape[1]).sum(axis=1))


def remainders(heights: Float32Array, inside: BoolArray, steps: int) -> list[float]:
    """Compute the sum of the heights after each step of erosion and reconstruction.

    Parameters
    ----------
    heights : ndarray of float32, shape (rows, columns)
    inside : ndarray of bool, shape (rows, columns)
        At least one is True.
    steps : int

    Notes
    -----
    Reconstruction keeps a connected component of the pixels above some height if one of its pixels is still that high
    after the erosion, else removes it. The components of all heights form a tree, which is built once for all steps
    (Najman & Couprie, Building the component tree in quasi-linear time, IEEE TIP 15(11), 2006).
    """
    eroded = np.pad(np.where(inside, heights, np.float32(np.inf)), 1, constant_values=np.inf)
    outside = np.isinf(eroded)
    pixels = np.flatnonzero(~outside)
    order = pixels[np.argsort(eroded.ravel()[pixels])]
    rising = eroded.ravel()[order]
    parents = _component_tree(order, eroded.shape[1], eroded.size)
    sums = []
    for _ in range(steps):
        eroded = np.where(outside, np.float32(np.inf), cv2.erode(eroded, _CROSS))
        sums.append(_reconstructed_sum(rising, parents, eroded.ravel()[order]))
    return sums


@compiled
def _component_tree(order: Int64Array, columns: int, size: int) -> Int64Array:
    """Component tree: for each pixel, by its rank among the heights, the rank of its parent, the next lower pixel.

    The lowest pixel of each connected part of the region is its own parent; parents have lower ranks than children.
    """
    ranks = np.full(size, -1, dtype=np.int64)
    parents, roots = np.arange(len(order)), np.arange(len(order))
    for rank in range(len(order) - 1, -1, -1):
        pixel = order[rank]
        ranks[pixel] = rank
        for neighbour in (pixel - columns, pixel - 1, pixel + 1, pixel + columns):
            root = ranks[neighbour]
            if root >= 0:
                while roots[root] != root:
                    roots[root] = roots[roots[root]]
                    root = roots[root]
                roots[root] = rank
                parents[root] = rank
    return parents


@compiled
def _reconstructed_sum(rising: Float32Array, parents: Int64Array, eroded: Float32Array) -> float:
    """Sum of the reconstruction of the eroded heights, indexed by rank."""
    highest = eroded.copy()
    for rank in range(len(rising) - 1, -1, -1):
        parent = parents[rank]
        highest[parent] = max(highest[parent], highest[rank])
    total = 0.0
    for rank in range(len(rising)):
        own = min(rising[rank], highest[rank])
        # `highest` of the parent, processed earlier, is its reconstructed height.
        highest[rank] = max(own, highest[parents[rank]]) if parents[rank] != rank else own
        total += highest[rank]
    return total
