"""Texture from connected zones of one grey level (Thibault 2009)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.channels import CHANNELS
from extractors.handcrafted.compiled import compiled
from extractors.handcrafted.emphases import emphases, emphasis_features
from extractors.handcrafted.family import Family, HandcraftedBase, chosen, texture_family
from extractors.handcrafted.feature import keyed
from extractors.handcrafted.parts import REGIONS
from extractors.handcrafted.plane import Plane
from extractors.handcrafted.quantisation import Binning, Quantised, binning
from extractors.handcrafted.status import Measured, Status, missing

FEATURES = emphasis_features(
    item="zone", small="small_zone", large="large_zone", size="zone_size", source="Thibault 2009; IBSI"
)
"""With p the share of the zones that have level i (from 1) and s pixels."""


class Glszm(HandcraftedBase):
    """Texture from 8-connected zones of one grey level.

    Parameters
    ----------
    levels : int
        Number of grey levels, 2 to 256, between the extremes of each region.
    bin_width : float or None
        Width of the grey levels in the channel's unit, in place of their number.
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`.
    channels : sequence of str or str
        Of `extractors.handcrafted.channels.CHANNELS`.
    """

    def __init__(
        self,
        levels: int = 32,
        bin_width: float | None = None,
        regions: Sequence[str] | str = ("cell",),
        channels: Sequence[str] | str = ("luma",),
    ) -> None:
        self.levels = levels
        self.bin_width = bin_width
        self.regions = regions
        self.channels = channels

    def _families(self) -> list[Family]:
        """The one family."""
        bins = binning(self.levels, self.bin_width)
        return [
            texture_family(
                "glszm",
                keyed(FEATURES),
                lambda plane: glszm(plane, bins=bins),
                regions=chosen(self.regions, REGIONS, "region"),
                channels=chosen(self.channels, CHANNELS, "channel"),
            )
        ]


def glszm(plane: Plane, *, bins: Binning) -> Measured:
    """Each feature of the zones.

    Parameters
    ----------
    plane : Plane
        One channel of one region.
    bins : Binning
        How its grey levels are cut.

    Returns
    -------
    Measured
        A value for each of `FEATURES`; `FLAT` where the plane is constant.
    """
    quantised = plane.quantised(bins)
    if quantised is None:
        return missing(keyed(FEATURES), Status.FLAT)
    counts, sizes = zones(quantised)
    return dict(zip(keyed(FEATURES), emphases(counts[None], sizes)[:, 0].tolist(), strict=True))


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
    level, size = _zones(quantised.framed)
    occurs = np.bincount(size) > 0
    sizes = np.flatnonzero(occurs)
    column = np.cumsum(occurs) - 1
    cells = (level - 1) * len(sizes) + column[size]
    counts = np.bincount(cells, minlength=quantised.count * len(sizes))
    return counts.reshape(quantised.count, len(sizes)), sizes


@compiled
def _zones(framed: npt.NDArray[np.uint16]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Level and size of each zone, by union-find in one pass; a zone's root is its first pixel."""
    height, width = framed.shape
    flat = framed.ravel()
    parent = np.arange(flat.size)
    pixels = np.zeros(flat.size, dtype=np.int64)
    before = (-1, -width - 1, -width, -width + 1)
    for row in range(1, height - 1):
        for here in range(row * width + 1, row * width + width - 1):
            if flat[here] == 0:
                continue
            root = here
            for step in before:
                if flat[here + step] != flat[here]:
                    continue
                other = here + step
                while parent[other] != other:
                    parent[other] = parent[parent[other]]
                    other = parent[other]
                if other < root:
                    parent[root] = other
                    root = other
                else:
                    parent[other] = root
            parent[here] = root
    # A pixel's parent comes before it, so that its root is known by then.
    for here in range(flat.size):
        parent[here] = parent[parent[here]]
        if flat[here] > 0:
            pixels[parent[here]] += 1
    roots = np.flatnonzero(pixels)
    return flat[roots].astype(np.int64), pixels[roots]
