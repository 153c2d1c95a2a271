"""The mean colour of a cell, which tells how it was stained and little else: the ground for a baseline."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.framework.cell_regions import Parts
from extractors.handcrafted.framework.channels import RGB, optical_density
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.feature import Column, Feature
from extractors.handcrafted.framework.status import Measured

MEAN = Feature("mean", "mean over the pixels of the cell", "grey level", "[0, 255]", "IBSI")
DENSITY = Feature("mean", "mean of -log10((I + 1) / 256) over pixels and channels", "OD", "[0, 2.41]", "Beer-Lambert")
COLUMNS = (
    *(Column(f"stain.mean.cell.{channel}", MEAN) for channel in RGB),
    Column("stain.mean.cell.optical_density", DENSITY),
)


class Stain(HandcraftedBase):
    """Mean red, green and blue, and mean optical density inside the cell; knows no shape, size or texture."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [Family(COLUMNS, stain)]


def stain(parts: Parts) -> Measured:
    """Mean colour over the pixels of the cell; the background has no part in it.

    Parameters
    ----------
    parts : Parts
        The cell.

    Returns
    -------
    Measured
        A value for each of `COLUMNS`.
    """
    pixels = parts.image[parts.mask]
    means = pixels.mean(axis=0, dtype=np.float64)
    density = optical_density(pixels).mean(dtype=np.float64)
    values = (*means.tolist(), float(density))
    return {column.name: value for column, value in zip(COLUMNS, values, strict=True)}
