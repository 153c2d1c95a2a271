"""How large the cell and its nucleus are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extractors.handcrafted.family import Family, HandcraftedBase, chosen, outline_family
from extractors.handcrafted.feature import Feature, keyed
from extractors.handcrafted.parts import OUTLINED
from extractors.handcrafted.region import Region
from extractors.handcrafted.status import Measured

CROFTON = "Crofton's, pi/4 ((H + V)/2 + (D1 + D2)/(2 sqrt 2)) of the unequal pixel pairs in 4 directions"
REGIONPROPS = "scikit-image regionprops"
ISO = "ISO 9276-6"

FEATURES = (
    Feature("area", "number of pixels", "px^2", "[1, inf)", REGIONPROPS),
    Feature("perimeter", CROFTON, "px", "(0, inf)", "Cauchy-Crofton; scikit-image perimeter_crofton"),
    Feature("major_axis", "4 sqrt(largest variance of the pixel centres)", "px", "[0, inf)", REGIONPROPS),
    Feature("minor_axis", "4 sqrt(smallest variance of the pixel centres)", "px", "[0, inf)", REGIONPROPS),
    Feature("feret_max", "largest width of the convex hull of the pixels' corners", "px", "[1, inf)", ISO),
    Feature("feret_min", "smallest width of the convex hull of the pixels' corners", "px", "[1, inf)", ISO),
    Feature("radius_max", "largest distance of a pixel to the nearest one outside", "px", "[1, inf)", "CellProfiler"),
    Feature("radius_mean", "mean distance of the pixels to the nearest one outside", "px", "[1, inf)", "CellProfiler"),
)
"""Diameters and mesh perimeters are left out: they are functions of these."""


class Size(HandcraftedBase):
    """How large cell and nucleus are; in micrometres where the scale is known, else in pixels.

    Parameters
    ----------
    regions : sequence of str or str
        Of `cell`, `nucleus`.
    """

    def __init__(self, regions: Sequence[str] | str = OUTLINED) -> None:
        self.regions = regions

    def _families(self) -> list[Family]:
        """The one family."""
        return [
            outline_family("size", keyed(FEATURES), size, regions=chosen(self.regions, OUTLINED, "outlined region"))
        ]


def size(region: Region) -> Measured:
    """Sizes of a region: a value for each of `FEATURES`, in its own units.

    Parameters
    ----------
    region : Region
        With its scale, if known.
    """
    scale = region.um_per_px or 1.0
    largest, smallest = region.principal_variances
    distances = region.distance[region.mask]
    feret_max, feret_min = region.feret
    return {
        "area": region.area * scale**2,
        "perimeter": region.perimeter * scale,
        "major_axis": 4 * float(np.sqrt(largest)) * scale,
        "minor_axis": 4 * float(np.sqrt(smallest)) * scale,
        "feret_max": feret_max * scale,
        "feret_min": feret_min * scale,
        "radius_max": float(distances.max()) * scale,
        "radius_mean": float(distances.mean(dtype=np.float64)) * scale,
    }
