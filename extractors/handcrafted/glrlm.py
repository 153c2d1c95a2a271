"""Texture from runs of one grey level along four directions (Galloway 1975)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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

RUN_FEATURES = emphasis_features(
    item="run", small="short_run", large="long_run", size="run_length", source="Galloway 1975; IBSI"
)
"""Of one direction, with p the share of its runs that have level i (from 1) and length s."""

FEATURES = tuple(replace(f, formula=f"mean over 4 directions of {f.formula}") for f in RUN_FEATURES)


class Glrlm(HandcraftedBase):
    """Texture from runs of one grey level, mean over four directions.

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
                "glrlm",
                keyed(FEATURES),
                lambda plane: glrlm(plane, bins=bins),
                regions=chosen(self.regions, REGIONS, "region"),
                channels=chosen(self.channels, CHANNELS, "channel"),
            )
        ]


def glrlm(plane: Plane, *, bins: Binning) -> Measured:
    """Mean over four directions of each feature of the runs.

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
    counts = runs(quantised)
    values = emphases(counts, np.arange(1, counts.shape[2] + 1)).mean(axis=1)
    return dict(zip(keyed(FEATURES), values.tolist(), strict=True))


def runs(quantised: Quantised) -> npt.NDArray[np.int64]:
    """Number of runs by direction, level and length.

    Parameters
    ----------
    quantised : Quantised
        A run ends where the level changes or the region does.

    Returns
    -------
    ndarray of int64, shape (4, count, longest)
        Along rows, one diagonal, columns and the other diagonal; level i in row i - 1, length s in column s - 1.
    """
    reaching = _reaching(quantised.framed, quantised.count)[:, 1:]
    longest = int(np.flatnonzero(reaching.any(axis=(0, 1)))[-1]) + 1
    return reaching[:, :, :longest] - reaching[:, :, 1 : longest + 1]


@compiled
def _reaching(framed: npt.NDArray[np.uint16], count: int) -> npt.NDArray[np.int64]:
    """Number of runs of at least each length, background included, shape (4, count + 1, longest + 1).

    Each pixel counts for the length that its run has reached there: no branch has to be guessed.
    """
    height, width = framed.shape
    counts = np.zeros((4, count + 1, max(height, width)), dtype=np.int64)
    reached = np.zeros((height, width), dtype=np.int64)
    for direction, (down, right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        for row in range(1, height - 1):
            for column in range(1, width - 1):
                level = framed[row, column]
                goes_on = framed[row - down, column - right] == level
                length = goes_on * reached[row - down, column - right]
                counts[direction, level, length] += 1
                reached[row, column] = length + 1
    return counts
