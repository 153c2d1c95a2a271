"""Size of the cell and its nucleus."""

from __future__ import annotations

from math import sqrt

from extractors.handcrafted.framework.bases import Measured, OutlineBase
from extractors.handcrafted.framework.feature import ANY, Feature
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.geometry.contour import polygon_length
from extractors.handcrafted.geometry.distance import depths

CROFTON = "Crofton's, pi/4 ((H + V)/2 + (D1 + D2)/(2 sqrt 2)) of the unequal pixel pairs in 4 directions"
SMOOTH = "length of the smooth contour, without threads of up to two pixels"
OUTSIDE = "to the nearest one outside"
REGIONPROPS = "scikit-image regionprops"
ISO = "ISO 9276-6"
RECTANGLE = "Freeman & Shapira 1975"
CELLPROFILER = "CellProfiler MeasureObjectSizeShape"

FEATURES = (
    Feature("area", "number of pixels", "px^2", "[1, inf)", REGIONPROPS),
    Feature("perimeter", CROFTON, "px", "(0, inf)", "Cauchy-Crofton; scikit-image perimeter_crofton"),
    Feature("perimeter_smooth", SMOOTH, "px", "(0, inf)", "polygon of 256 points"),
    Feature("major_axis", "4 sqrt(largest variance of the pixel centres)", "px", "[0, inf)", REGIONPROPS),
    Feature("minor_axis", "4 sqrt(smallest variance of the pixel centres)", "px", "[0, inf)", REGIONPROPS),
    Feature("feret_max", "largest width of the convex hull of the pixels' corners", "px", "[1, inf)", ISO),
    Feature("feret_min", "smallest width of the convex hull of the pixels' corners", "px", "[1, inf)", ISO),
    Feature("rectangle_length", "longer side of the smallest rectangle at any angle", "px", "[1, inf)", RECTANGLE),
    Feature("rectangle_width", "shorter side of the smallest rectangle at any angle", "px", "[1, inf)", RECTANGLE),
    Feature("bbox_height", "rows of the upright bounding box", "px", "[1, inf)", REGIONPROPS, ANY),
    Feature("bbox_width", "columns of the upright bounding box", "px", "[1, inf)", REGIONPROPS, ANY),
    Feature("radius_max", f"largest distance of a pixel {OUTSIDE}", "px", "[1, inf)", CELLPROFILER),
    Feature("radius_mean", f"mean distance of the pixels {OUTSIDE}", "px", "[1, inf)", CELLPROFILER),
    Feature("radius_median", f"median distance of the pixels {OUTSIDE}", "px", "[1, inf)", CELLPROFILER),
)
"""Omitted as functions of these: the equivalent diameter; area and perimeter of the marching-squares mesh, whose
perimeter is 1.0548 times Crofton's."""


class Size(OutlineBase):
    """Size of cell and nucleus, in micrometres if the scale is known, else in pixels.

    `perimeter_smooth` is `TOO_SMALL` if the region is too thin for a smooth contour.

    Parameters: see `OutlineBase`.
    """

    features = FEATURES
    min_area = 1

    def _measure(self, target: Region) -> Measured:
        scale, smooth = target.um_per_px or 1.0, target.opened_contour
        largest, smallest = target.principal_variances
        height, width = target.mask.shape
        axes = 4 * sqrt(largest), 4 * sqrt(smallest)
        lengths = *axes, *target.feret, *target.rectangle, height - 2, width - 2, *depths(target.squared_distance)
        return [
            target.area * scale**2,
            target.perimeter * scale,
            Status.TOO_SMALL if smooth is None else polygon_length(smooth) * scale,
            *(length * scale for length in lengths),
        ]
