"""How large the cell and its nucleus are."""

from __future__ import annotations

from math import sqrt

from extractors.handcrafted.framework.bases import OutlineBase
from extractors.handcrafted.framework.feature import ANY, Feature
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Measured, Status
from extractors.handcrafted.geometry.contour import polygon_length
from extractors.handcrafted.geometry.depths import depths

CROFTON = "Crofton's, pi/4 ((H + V)/2 + (D1 + D2)/(2 sqrt 2)) of the unequal pixel pairs in 4 directions"
REGIONPROPS = "scikit-image regionprops"
ISO = "ISO 9276-6"
RECTANGLE = "Freeman & Shapira 1975"
CELLPROFILER = "CellProfiler MeasureObjectSizeShape"

FEATURES = (
    Feature("area", "number of pixels", "px^2", "[1, inf)", REGIONPROPS),
    Feature("perimeter", CROFTON, "px", "(0, inf)", "Cauchy-Crofton; scikit-image perimeter_crofton"),
    Feature(
        "perimeter_smooth",
        "length of the smooth contour, without threads of up to two pixels",
        "px",
        "(0, inf)",
        "polygon of 256 points",
    ),
    Feature("major_axis", "4 sqrt(largest variance of the pixel centres)", "px", "[0, inf)", REGIONPROPS),
    Feature("minor_axis", "4 sqrt(smallest variance of the pixel centres)", "px", "[0, inf)", REGIONPROPS),
    Feature("feret_max", "largest width of the convex hull of the pixels' corners", "px", "[1, inf)", ISO),
    Feature("feret_min", "smallest width of the convex hull of the pixels' corners", "px", "[1, inf)", ISO),
    Feature("rectangle_length", "longer side of the smallest rectangle at any angle", "px", "[1, inf)", RECTANGLE),
    Feature("rectangle_width", "shorter side of the smallest rectangle at any angle", "px", "[1, inf)", RECTANGLE),
    Feature("bbox_height", "rows of the upright bounding box", "px", "[1, inf)", REGIONPROPS, ANY),
    Feature("bbox_width", "columns of the upright bounding box", "px", "[1, inf)", REGIONPROPS, ANY),
    Feature("radius_max", "largest distance of a pixel to the nearest one outside", "px", "[1, inf)", CELLPROFILER),
    Feature("radius_mean", "mean distance of the pixels to the nearest one outside", "px", "[1, inf)", CELLPROFILER),
    Feature(
        "radius_median", "median distance of the pixels to the nearest one outside", "px", "[1, inf)", CELLPROFILER
    ),
)
"""Left out as functions of these: the diameter of the disc of the same area; area and perimeter of the marching-squares
mesh, of which the latter is 1.0548 times Crofton's."""


def size(region: Region) -> Measured:
    """Sizes of a region: a value for each of `FEATURES`, in its own units.

    Parameters
    ----------
    region : Region
        With its scale, if known.

    Returns
    -------
    Measured
        `TOO_SMALL` for `perimeter_smooth` where the region is too thin to have a smooth contour.
    """
    scale = region.um_per_px or 1.0
    lengths = {name: length * scale for name, length in _lengths(region).items()}
    smooth = region.cleaned.smooth_contour if region.cleaned is not None else None
    return {
        "area": region.area * scale**2,
        "perimeter_smooth": Status.TOO_SMALL if smooth is None else polygon_length(smooth) * scale,
        **lengths,
    }


class Size(OutlineBase):
    """How large cell and nucleus are; in micrometres where the scale is known, else in pixels.

    Its parameters are those of `OutlineBase`.
    """

    family = "size"
    features = FEATURES
    of = staticmethod(size)


def _lengths(region: Region) -> dict[str, float]:
    largest, smallest = region.principal_variances
    feret_max, feret_min = region.feret
    longer, shorter = region.rectangle
    deepest, mean, median = depths(region.squared_distance)
    height, width = region.mask.shape
    return {
        "perimeter": region.perimeter,
        "major_axis": 4 * sqrt(largest),
        "minor_axis": 4 * sqrt(smallest),
        "feret_max": feret_max,
        "feret_min": feret_min,
        "rectangle_length": longer,
        "rectangle_width": shorter,
        "bbox_height": height - 2,
        "bbox_width": width - 2,
        "radius_max": deepest,
        "radius_mean": mean,
        "radius_median": median,
    }
