"""How deeply the outline of the nucleus, and of the cell, is cleft, indented and lobed."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.framework.bases import OutlineBase
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Measured, Status, missing
from extractors.handcrafted.geometry.concavities import concavities
from extractors.handcrafted.geometry.contour import outline, polygon_length, signed_area
from extractors.handcrafted.geometry.curvature import curvature
from extractors.handcrafted.geometry.hull import convex_hull
from extractors.handcrafted.geometry.level_lines import Points
from extractors.handcrafted.geometry.lobes import lobes_of

CX = "Street, Wolberg & Mangasarian 1993, as depth below the hull"
BENDING = "Rosenblatt 1993"
LOBED = "erosion profile, BMC Bioinformatics 13:232"

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
    Feature(
        "bending_energy",
        "r / (2 pi) x integral of squared curvature; 1 on a disc",
        "1",
        "(0, inf)",
        "Young et al. 1974",
    ),
    Feature(
        "convexity_deficit",
        "1 - length of the hull / length of the smooth contour",
        "1",
        "[0, 1)",
        "BMC Bioinformatics 13:232",
    ),
    Feature("lobes", "largest number of parts that erosion leaves", "1", "1, 2 ...", LOBED),
    Feature("lobe_split", "1 - erosion at the first split / at the end; 0 if whole", "1", "[0, 1]", LOBED),
)
"""Left out as functions of others: the mean depth of the clefts, depth_sum / count, and the area of all concavities,
1 - solidity. Branches of a skeleton would count again what `lobes` counts, and each bump of the outline with them."""

MIN_AREA = 8
"""Fewest pixels of which clefts are told."""

OUTLINE_SIGMA = 0.7
"""Blur in pixels of the outline that clefts are measured on.

It fills the tip of a narrow cleft and smooths the steps of the pixels that raise the hull; at 0.7 px one outweighs the
other, and depths are right to 2 % in the mean."""

CLEFT_PX, CLEFT_SHARE = 1.0, 0.035
"""Depth that counts as a cleft: above 1 px, as digital discs have defects of up to 0.8 px, and 3.5 % of the radius.

A notch of 8 % of the radius is 4.5 to 6.5 % below its chord, whose sagitta takes the rest."""

LOBE_PX, LOBE_SHARE = 1.0, 0.05
"""Erosion that a lobe outlives: more than 1 px and than 5 % of the radius."""

CONCAVE = -0.1
"""Curvature times radius below which the outline counts as concave."""


def clefting(region: Region) -> Measured:
    """Clefts, curvature and lobes of a region, in units of the radius r = sqrt(A / pi): a value for each of `FEATURES`.

    A cleft is a concavity of the outline deeper than max(1 px, 0.035 r) below its chord. Where there is none, what is
    said of clefts is 0. Threads of up to two pixels are removed first.

    Parameters
    ----------
    region : Region
        Of at least 8 pixels.

    Returns
    -------
    Measured
        `TOO_SMALL` throughout where nothing is left without threads.
    """
    clean = region.cleaned
    if clean is None or clean.area < MIN_AREA:
        return missing((feature.name for feature in FEATURES), Status.TOO_SMALL)
    contour, fine = clean.smooth_contour, outline(clean.mask, sigma=OUTLINE_SIGMA)
    if contour is None or fine is None:
        return missing((feature.name for feature in FEATURES), Status.TOO_SMALL)
    lobes, split = lobes_of(region.squared_distance, max(LOBE_PX, LOBE_SHARE * region.radius))
    return {
        **_clefts(clean, fine),
        **_curvature(clean.radius, contour),
        "convexity_deficit": 1 - polygon_length(convex_hull(contour)) / polygon_length(contour),
        "lobes": float(lobes),
        "lobe_split": split,
    }


class Clefting(OutlineBase):
    """How deeply the outlines of nucleus and cell are cleft, indented and lobed.

    Its parameters are those of `OutlineBase`.
    """

    family = "clefting"
    features = FEATURES
    min_area = MIN_AREA
    of = staticmethod(clefting)


def _clefts(region: Region, fine: Points) -> Measured:
    found = concavities(fine)
    radius = region.radius
    second, deepest = np.sort(found.depth)[-2:]
    is_cleft = found.depth > max(CLEFT_PX, CLEFT_SHARE * radius)
    clefts = found.depth[is_cleft]
    return {
        "count": float(len(clefts)),
        "depth_max": float(deepest) / radius,
        "depth_second": float(second) / radius,
        "depth_sum": float(clefts.sum()) / radius,
        "area_max": float(found.area.max()) / (signed_area(fine) + float(found.area.sum())),
        "sharpness_max": float(np.max(clefts / np.maximum(found.opening[is_cleft], 1.0), initial=0.0)),
        "angle_spread": _spread(found.middle[is_cleft] - region.centroid) if len(clefts) > 1 else 0.0,
    }


def _spread(away: Points) -> float:
    """Circular variance of directions: 1 minus the length of the mean of their unit vectors."""
    units = away / np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-9)[:, None]
    return 1 - float(np.hypot(*units.mean(axis=0)))


def _curvature(radius: float, contour: Points) -> Measured:
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
