"""Clefts, indentations and lobes of the outlines of nucleus and cell."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.framework.bases import Measured, OutlineBase
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import FeatureValues, Status
from extractors.handcrafted.geometry.concavities import concavities
from extractors.handcrafted.geometry.contour import outline, polygon_length, signed_area
from extractors.handcrafted.geometry.curvature import curvature
from extractors.handcrafted.geometry.hull import convex_hull
from extractors.handcrafted.geometry.level_lines import Points
from extractors.handcrafted.geometry.lobes import count_lobes

CX = "Street, Wolberg & Mangasarian 1993, as depth below the hull"
BENDING = "Rosenblatt 1993"
YOUNG = "Young et al. 1974"
HULL = "BMC Bioinformatics 13:232"
LOBED = f"erosion profile, {HULL}"

FEATURES = (
    Feature("count", "number of concavities deeper than max(1 px, 0.035 r)", "1", "0, 1, 2 ...", CX),
    Feature("depth_max", "depth of the deepest concavity / r", "1", "[0, inf)", CX),
    Feature("depth_second", "depth of the second deepest concavity / r", "1", "[0, inf)", CX),
    Feature("depth_sum", "sum of the clefts' depths / r", "1", "[0, inf)", CX),
    Feature("area_max", "largest area of a concavity / area of the hull", "1", "[0, 1)", CX),
    Feature("sharpness_max", "largest depth / opening of a cleft; 0 without clefts", "1", "[0, inf)", CX),
    Feature(
        "angle_spread", "circular variance of the clefts' directions from the centroid; 0 for one", "1", "[0, 1]", CX
    ),
    Feature("concave_fraction", "share of the smooth contour with curvature x r below -0.1", "1", "[0, 1)", BENDING),
    Feature("concave_runs", "number of its stretches with curvature x r below -0.1", "1", "0, 1, 2 ...", BENDING),
    Feature("curvature_min", "smallest curvature x r; 1 on a disc", "1", "(-inf, 1]", BENDING),
    Feature("curvature_sd", "sd of curvature x r; 0 on a disc", "1", "[0, inf)", BENDING),
    Feature("bending_energy", "r / (2 pi) x integral of squared curvature; 1 on a disc", "1", "(0, inf)", YOUNG),
    Feature("convexity_deficit", "1 - length of the hull / length of the smooth contour", "1", "[0, 1)", HULL),
    Feature("lobes", "largest number of parts that erosion leaves", "1", "1, 2 ...", LOBED),
    Feature("lobe_split", "1 - erosion at the first split / at the end; 0 if there is no split", "1", "[0, 1]", LOBED),
)
"""Omitted as functions of others: the mean depth of the clefts, depth_sum / count, and the area of all concavities,
1 - solidity. Skeleton branches would be redundant with `lobes` and count each bump of the outline."""

OUTLINE_SIGMA = 0.7
"""Standard deviation in pixels of the blur of the outline on which clefts are measured.

The blur fills the tip of a narrow cleft and smooths the pixel steps that extend the hull; at 0.7 px both effects cancel
and the mean error of the depth is below 2 %."""

CLEFT_PX, CLEFT_SHARE = 1.0, 0.035
"""Smallest depth of a cleft: 1 px, because digital discs have defects of up to 0.8 px, and 3.5 % of the radius.

A notch of 8 % of the radius is 4.5 to 6.5 % deep below its chord; the sagitta of the chord accounts for the rest."""

LOBE_PX, LOBE_SHARE = 1.0, 0.05
"""Smallest persistence of a lobe under erosion: 1 px and 5 % of the radius."""

CONCAVE = -0.1
"""Curvature times radius below which the outline is concave."""


class Clefting(OutlineBase):
    """Clefts, indentations and lobes of the outlines of nucleus and cell, in units of the radius r = sqrt(A / pi).

    A cleft is a concavity of the outline deeper than max(1 px, 0.035 r) below its chord; without clefts, their features
    are 0. Threads of up to two pixels are removed first; all features are `TOO_SMALL` if too little is left.

    Parameters: see `OutlineBase`.
    """

    features = FEATURES

    def _measure(self, target: Region) -> Measured:
        opened = target.opened
        if opened is None or opened.area < self.min_area:
            return Status.TOO_SMALL
        contour, fine = opened.smooth_contour, outline(opened.mask, sigma=OUTLINE_SIGMA)
        if contour is None or fine is None:
            return Status.TOO_SMALL
        lobes, split = count_lobes(target.squared_distance, max(LOBE_PX, LOBE_SHARE * target.radius))
        return {
            **_clefts(opened, fine),
            **_curvature(opened.radius, contour),
            "convexity_deficit": 1 - polygon_length(convex_hull(contour)) / polygon_length(contour),
            "lobes": float(lobes),
            "lobe_split": split,
        }


def _clefts(region: Region, fine: Points) -> FeatureValues:
    intervals = concavities(fine)
    radius = region.radius
    second, deepest = np.sort(intervals.depth)[-2:]
    is_cleft = intervals.depth > max(CLEFT_PX, CLEFT_SHARE * radius)
    clefts = intervals.depth[is_cleft]
    return {
        "count": float(len(clefts)),
        "depth_max": float(deepest) / radius,
        "depth_second": float(second) / radius,
        "depth_sum": float(clefts.sum()) / radius,
        "area_max": float(intervals.area.max()) / (signed_area(fine) + float(intervals.area.sum())),
        "sharpness_max": float(np.max(clefts / np.maximum(intervals.opening[is_cleft], 1.0), initial=0.0)),
        "angle_spread": _spread(intervals.middle[is_cleft] - region.centroid) if len(clefts) > 1 else 0.0,
    }


def _spread(away: Points) -> float:
    """Circular variance of directions: 1 minus the length of the mean unit vector."""
    units = away / np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-9)[:, None]
    return 1 - float(np.hypot(*units.mean(axis=0)))


def _curvature(radius: float, contour: Points) -> FeatureValues:
    bends, steps = curvature(contour)
    scaled = bends * radius
    concave = scaled < CONCAVE
    length = float(steps.sum())
    mean, square = float(scaled @ steps) / length, float(scaled**2 @ steps) / length
    return {
        "concave_fraction": float(steps[concave].sum()) / length,
        "concave_runs": float(np.count_nonzero(concave[1:] > concave[:-1]) + (concave[0] > concave[-1])),
        "curvature_min": float(scaled.min()),
        "curvature_sd": float(np.sqrt(max(square - mean**2, 0.0))),
        "bending_energy": square * length / (2 * np.pi * radius),
    }
