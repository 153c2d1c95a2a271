"""Mean colour of a cell: a baseline that depends on the staining and on little else."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.channels import RGB, optical_density
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.feature import Column, Feature
from extractors.handcrafted.framework.status import FeatureValues

MEAN = Feature("mean", "mean over the pixels of the cell", "grey level", "[0, 255]", "IBSI")
DENSITY = Feature("mean", "mean of -log10((I + 1) / 256) over pixels and channels", "OD", "[0, 2.41]", "Beer-Lambert")
COLUMNS = (
    *(Column(f"stain.mean.cell.{channel}", MEAN) for channel in RGB),
    Column("stain.mean.cell.optical_density", DENSITY),
)


class Stain(HandcraftedBase):
    """Mean red, green and blue, and mean optical density inside the cell; no shape, size or texture."""

    def _families(self) -> list[Family]:
        return [Family(COLUMNS, stain)]


def stain(cell: CellRegions) -> FeatureValues:
    """Compute `COLUMNS` over the pixels of the cell; the background is ignored.

    Parameters
    ----------
    cell : CellRegions
    """
    pixels = cell.image[cell.mask]
    means = pixels.mean(axis=0, dtype=np.float64)
    values = (*means.tolist(), float(optical_density(pixels).mean(dtype=np.float64)))
    return {column.name: value for column, value in zip(COLUMNS, values, strict=True)}
