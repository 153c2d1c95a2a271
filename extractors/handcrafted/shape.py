"""Shape of the cell and its nucleus, invariant to size and orientation."""

from __future__ import annotations

from math import hypot, pi, sqrt

import numpy as np

from extractors.handcrafted.framework.bases import OutlineBase
from extractors.handcrafted.framework.feature import Feature, keyed
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import FeatureValues, Status
from extractors.handcrafted.geometry.asymmetry import asymmetry
from extractors.handcrafted.geometry.contour import signed_area
from extractors.handcrafted.geometry.enclosing import smallest_circle
from extractors.handcrafted.geometry.fractal import BOXES, box_dimension
from extractors.handcrafted.size import REGIONPROPS

HU = "Hu 1962; scikit-image moments_hu"
ISO = "ISO 9276-6"
BOX = "Foroutan-pour, Dutilleul & Smith 1999"
BOZHOK = "Bozhok & Nikonenko 2014"
RADIAL = "Mohapatra 2014"

MIN_SIDE = 2 * BOXES[-1]
"""Smallest longer side of the bounding box for which boxes of every size can be counted."""

ROUND = 1e-3
"""Coefficient of variation of the radius below which an outline is a circle at pixel resolution."""

PIXEL_FEATURES = (
    Feature("circularity", "4 pi A / P^2 with Crofton's perimeter", "1", "(0, 1.1]", ISO),
    Feature("roundness", "4 A / (pi feret_max^2)", "1", "(0, 1]", ISO),
    Feature("eccentricity", "sqrt(1 - l2/l1) of the pixels' variances; 0 for a disc", "1", "[0, 1]", REGIONPROPS),
    Feature("aspect_ratio", "feret_min / feret_max", "1", "(0, 1]", ISO),
    Feature("solidity", "A / area of the convex hull of the pixels' corners", "1", "(0, 1]", REGIONPROPS),
    Feature("extent", "A / area of the upright bounding box; depends on the cell's angle", "1", "(0, 1]", REGIONPROPS),
    Feature("rectangularity", "A / area of the smallest rectangle at any angle", "1", "(0, 1]", "Rosin 1999"),
    Feature("inscribed_ratio", "radius of the largest disc inside / of the smallest around", "1", "(0, 1]", ISO),
    Feature("inscribed_share", "area of the largest disc inside / A", "1", "(0, 1.1]", ISO),
    Feature("asymmetry", "share of pixels without a partner opposite the centroid", "1", "[0, 1]", BOZHOK),
    Feature("hu_1", "nu20 + nu02; 0.159 for a large disc", "1", "[0.148, inf)", HU),
    Feature("hu_3", "sqrt of Hu's third: |(nu30 - 3 nu12, 3 nu21 - nu03)|", "1", "[0, inf)", HU),
    Feature("hu_4", "sqrt of Hu's fourth: |(nu30 + nu12, nu21 + nu03)|", "1", "[0, inf)", HU),
    Feature(
        "box_dimension", "fewest boxes of 2, 4, 8, 16 px over the border: slope of their logarithms", "1", "[0, 2]", BOX
    ),
)
CONTOUR_FEATURES = (
    Feature("radial_mean", "mean distance of the smooth contour from the centroid / r", "1", "(0, inf)", RADIAL),
    Feature("radial_sd", "sd / mean of that distance", "1", "[0, inf)", RADIAL),
    Feature("radial_skewness", "skewness of that distance", "1", "(-inf, inf)", RADIAL),
    Feature("radial_kurtosis", "kurtosis of that distance, 0 if it were normal", "1", "[-2, inf)", RADIAL),
)
"""Features of the region without threads of up to two pixels; r = sqrt(A / pi)."""

FEATURES = PIXEL_FEATURES + CONTOUR_FEATURES
"""Omitted as functions of these: sphericity sqrt(circularity), compactness 1 / circularity, elongation
sqrt(1 - eccentricity^2), `hu_2` from eccentricity and `hu_1`; convexity is 1 - `clefting.convexity_deficit`.

`hu_5` to `hu_7` describe directions of the third moments; for round cells they are noise of 1e-8 to 1e-14, and `hu_7`
changes its sign under reflection. The mask of a cell has no holes, so its Euler number is 1.
"""


class Shape(OutlineBase):
    """Shape of cell and nucleus, invariant to size, orientation and reflection.

    `TOO_SMALL` are the box dimension of a region with fewer than 32 rows and columns, and the contour features of a
    region too thin for a smooth contour; `FLAT` are skewness and kurtosis of a constant radius.

    Parameters: see `OutlineBase`.
    """

    features = FEATURES

    def _measure(self, target: Region) -> FeatureValues:
        return _of_pixels(target) | _of_contour(target)


def _of_pixels(region: Region) -> FeatureValues:
    area, (feret_max, feret_min) = region.area, region.feret
    largest, smallest = region.principal_variances
    moment = region.moments
    height, width = (side - 2 for side in region.mask.shape)
    longer, shorter = region.rectangle
    # Distances are to the centre of the nearest outside pixel; its edge is half a pixel nearer.
    inner, outer = sqrt(region.squared_distance.max()) - 0.5, smallest_circle(region.hull)
    return {
        "circularity": 4 * pi * area / region.perimeter**2,
        "roundness": 4 * area / (pi * feret_max**2),
        "eccentricity": sqrt(1 - smallest / largest),
        "aspect_ratio": feret_min / feret_max,
        "solidity": area / abs(signed_area(region.hull)),
        "extent": area / (height * width),
        "rectangularity": area / (longer * shorter),
        "inscribed_ratio": inner / outer,
        "inscribed_share": pi * inner**2 / area,
        "asymmetry": asymmetry(region.runs, region.centroid),
        "hu_1": moment["nu20"] + moment["nu02"],
        "hu_3": hypot(moment["nu30"] - 3 * moment["nu12"], 3 * moment["nu21"] - moment["nu03"]),
        "hu_4": hypot(moment["nu30"] + moment["nu12"], moment["nu21"] + moment["nu03"]),
        "box_dimension": box_dimension(region.mask) if max(height, width) >= MIN_SIDE else Status.TOO_SMALL,
    }


def _of_contour(region: Region) -> FeatureValues:
    contour = region.opened_contour
    if region.opened is None or contour is None:
        return dict.fromkeys(keyed(CONTOUR_FEATURES), Status.TOO_SMALL)
    x, y = (contour - region.opened.centroid).T
    radii = np.hypot(x, y)
    mean = float(radii.mean())
    away = radii - mean
    squares = away * away
    spread = sqrt(squares.mean())
    is_round = spread < ROUND * mean
    return {
        "radial_mean": mean / region.opened.radius,
        "radial_sd": spread / mean,
        "radial_skewness": Status.FLAT if is_round else float((squares * away).mean()) / spread**3,
        "radial_kurtosis": Status.FLAT if is_round else float((squares * squares).mean()) / spread**4 - 3,
    }
