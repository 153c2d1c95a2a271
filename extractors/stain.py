"""The mean colour of a cell, which tells how it was stained and little else: the ground for a baseline."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.catalogue import Family, HandcraftedBase
from extractors.handcrafted.color import RGB, optical_density
from extractors.handcrafted.region import Parts
from extractors.handcrafted.status import Measured

NAMES = (*(f"stain.mean.cell.{channel}" for channel in RGB), "stain.mean.cell.optical_density")


class Stain(HandcraftedBase):
    """Mean red, green and blue, and mean optical density inside the cell; knows no shape, size or texture."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [Family(NAMES, stain)]


def stain(parts: Parts) -> Measured:
    """Mean colour over the pixels of the cell; the background has no part in it.

    Parameters
    ----------
    parts : Parts
        The cell.

    Returns
    -------
    Measured
        A value for each of `NAMES`: red, green, blue in [0, 255]; the mean of the optical density -log10((I + 1) / 256)
        of the three channels, in [0, 2.41].
    """
    pixels = parts.image[parts.mask]
    means = pixels.mean(axis=0, dtype=np.float64)
    density = optical_density(pixels).mean(dtype=np.float64)
    return dict(zip(NAMES, (*means.tolist(), float(density)), strict=True))
