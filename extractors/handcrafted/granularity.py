"""Granularity: how much of the dark matter of a region lies in granules of each size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.family import Family, HandcraftedBase, chosen, texture_family
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.masked_channel import FLAT, Plane
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Measured, Status, missing

FEATURES = (
    Feature(
        "share",
        "100 (mean before step k - mean after it) / mean before step 1",
        "%",
        "[0, 100]",
        "Ravkin & Temov 1988; Vincent 1993; CellProfiler MeasureGranularity",
    ),
)
"""Of one step: what is in granules that hold a diamond of radius k - 1 and none of radius k, in blocks."""

DARK, BRIGHT = "dark", "bright"

Floats = npt.NDArray[np.float32]
BoolMask = npt.NDArray[np.bool_]


class Granularity(HandcraftedBase):
    """Granularity spectrum: what each step of erosion and reconstruction takes away.

    Parameters
    ----------
    steps : int
        Number of steps, from 1 on; the radius of the granules grows by `block` pixels with each.
    block : int
        Pixels along the side of the blocks whose means are measured.
    granules : str
        `dark` for those that are darker than what lies around them (chromatin in luma and in the primaries), `bright`
        for the others (the optical densities and stains, which rise with the stain).
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.framework.channels.CHANNELS`.
    """

    def __init__(
        self,
        steps: int = 16,
        block: int = 2,
        granules: str = DARK,
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.steps = steps
        self.block = block
        self.granules = granules
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        steps, block = _checked(self.steps, "steps"), _checked(self.block, "block")
        (granules,) = chosen(self.granules, (DARK, BRIGHT), "kind of granules")
        sign = -1.0 if granules == DARK else 1.0
        return [
            texture_family(
                "granularity",
                keyed(FEATURES, [f"k{step}" for step in range(1, steps + 1)]),
                lambda plane: granularity(plane, steps=steps, block=block, sign=sign),
                regions=self.regions,
                channels=self.channels,
            )
        ]


def granularity(plane: Plane, *, steps: int, block: int, sign: float) -> Measured:
    """The granularity spectrum of a region.

    Values are heights over the lowest one in the region, so that the spectrum depends neither on brightness nor on
    contrast. Step k erodes the heights k times by the four neighbours and rebuilds under the heights what is left
    (reconstruction by dilation, four neighbours): granules that hold a diamond of radius k keep their whole form, all
    others are cut down to the level at which they do. The background has no part: it neither erodes nor passes on.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    steps : int
    block : int
        The heights are means of squares of so many pixels, in a grid centred on the bounding box; squares of which less
        than half lies in the region are background.
    sign : float
        1 where granules are high values, -1 where they are low ones.

    Returns
    -------
    Measured
        The share of each step in per cent, keyed `share.kSTEP`; their sum is at most 100. `FLAT` where the plane or
        the means of its blocks are constant; `TOO_SMALL` where no block lies in the region.
    """
    keys = keyed(FEATURES, [f"k{step}" for step in range(1, steps + 1)])
    if plane.is_flat:
        return missing(keys, Status.FLAT)
    means, inside = block_means(plane.values, plane.mask, block)
    if not inside.any():
        return missing(keys, Status.TOO_SMALL)
    signed = np.float32(sign) * means
    heights = np.where(inside, signed - signed[inside].min(), np.float32(0))
    total = float(heights.sum(dtype=np.float64))
    if total <= FLAT * np.count_nonzero(inside):
        return missing(keys, Status.FLAT)
    left = np.array([total, *remainders(heights, inside, steps)])
    return dict(zip(keys, (100 * (left[:-1] - left[1:]) / total).tolist(), strict=True))


def block_means(values: Floats, mask: BoolMask, block: int) -> tuple[Floats, BoolMask]:
    """Means over squares of the pixels in the mask, in a grid that is the same from all four sides.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)
    mask : ndarray of bool, shape (height, width)
    block : int
        Side of the squares; where the grid's centre asks for it, pixels are cut in half.

    Returns
    -------
    means : ndarray of float32, shape (rows, columns)
        0 where the square is outside.
    inside : ndarray of bool, shape (rows, columns)
        Whether at least half of the square is in the mask.
    """
    area = _block_sums(_block_sums(mask, block).T, block).T
    sums = _block_sums(_block_sums(np.where(mask, values, 0), block).T, block).T
    inside = area >= 2 * block**2
    return np.where(inside, sums / np.maximum(area, 1), 0).astype(np.float32, order="C"), inside


def _block_sums(values: npt.NDArray[np.generic], block: int) -> npt.NDArray[np.float64]:
    """Sums of rows, each counted twice, in groups of `block` around the middle; exact, so the same in any order."""
    halves = np.repeat(values.astype(np.float64), 2, axis=0)
    edge = -len(halves) % (2 * block) // 2
    grouped = np.pad(halves, ((edge, edge), (0, 0))).reshape(-1, 2 * block, values.shape[1])
    return np.asarray(grouped.sum(axis=1))


def remainders(heights: Floats, inside: BoolMask, steps: int) -> list[float]:
    """Sum of the heights after each step of erosion and reconstruction.

    Parameters
    ----------
    heights : ndarray of float32, shape (rows, columns)
    inside : ndarray of bool, shape (rows, columns)
        With a pixel in it.
    steps : int

    Notes
    -----
    Reconstruction keeps, of each connected component of the pixels from some height on, all or nothing: all if the
    erosion has left one of its pixels that high. The components of all heights form a tree, built once for all steps
    (Najman & Couprie, Building the component tree in quasi-linear time, IEEE TIP 15(11), 2006).
    """
    eroded = np.pad(np.where(inside, heights, np.float32(np.inf)), 1, constant_values=np.inf)
    pixels = np.flatnonzero(np.isfinite(eroded))
    order = pixels[np.argsort(eroded.ravel()[pixels])]
    rising = eroded.ravel()[order]
    parents = _component_tree(order, eroded.shape[1], eroded.size)
    sums = []
    for _ in range(steps):
        eroded = _eroded(eroded)
        sums.append(_rebuilt_sum(rising, parents, eroded.ravel()[order]))
    return sums


@compiled
def _eroded(heights: Floats) -> Floats:
    """Smallest of each height and its four neighbours; the background, the four sides among it, is infinite."""
    rows, columns = heights.shape
    lowest = np.full_like(heights, np.inf)
    for y in range(1, rows - 1):
        above, here, below, found = heights[y - 1], heights[y], heights[y + 1], lowest[y]
        for x in range(1, columns - 1):
            column = above[x] if above[x] < below[x] else below[x]
            row = here[x - 1] if here[x - 1] < here[x + 1] else here[x + 1]
            least = row if row < column else column
            least = least if least < here[x] else here[x]
            found[x] = least if here[x] < np.inf else np.inf
    return lowest


@compiled
def _component_tree(order: npt.NDArray[np.int64], columns: int, size: int) -> npt.NDArray[np.int64]:
    """For each pixel, by its rank among the heights, the next lower one of the component that it is the lowest of.

    The lowest pixel of all in a part of the region is its own parent; the parents of all others come before them.
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
def _rebuilt_sum(rising: Floats, parents: npt.NDArray[np.int64], eroded: Floats) -> float:
    """Sum of what reconstruction makes of the eroded heights, all by rank."""
    highest = eroded.copy()
    for rank in range(len(rising) - 1, -1, -1):
        parent = parents[rank]
        highest[parent] = max(highest[parent], highest[rank])
    total = 0.0
    for rank in range(len(rising)):
        own = min(rising[rank], highest[rank])
        # `highest` of the parent, whose turn was earlier, has become its rebuilt height.
        highest[rank] = max(own, highest[parents[rank]]) if parents[rank] != rank else own
        total += highest[rank]
    return total


def _checked(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}={value!r}: a whole number from 1 on is expected")
    return value
