"""How deeply the outline of the nucleus, and of the cell, is cleft, indented and lobed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.contour import Points, polygon_length, signed_area
from extractors.handcrafted.family import Family, HandcraftedBase, chosen, outline_family
from extractors.handcrafted.feature import Feature, keyed
from extractors.handcrafted.parts import OUTLINED
from extractors.handcrafted.region import Region, hull_length
from extractors.handcrafted.status import Measured, Status, missing

CX = "Street, Wolberg & Mangasarian 1993, as depth below the hull"
LOBED = "erosion profile, BMC Bioinformatics 13:232"

FEATURES = (
    Feature("count", "number of concavities deeper than max(1 px, 0.05 r)", "1", "0, 1, 2 ...", CX),
    Feature("depth_max", "depth of the deepest concavity / r", "1", "[0, inf)", CX),
    Feature("depth_second", "depth of the second deepest concavity / r", "1", "[0, inf)", CX),
    Feature("depth_sum", "sum of the clefts' depths / r", "1", "[0, inf)", CX),
    Feature("area_max", "largest area of a concavity / area of the hull", "1", "[0, 1)", CX),
    Feature("sharpness_max", "largest depth / opening of a cleft; 0 without clefts", "1", "[0, inf)", CX),
    Feature(
        "angle_spread", "circular variance of the clefts' directions from the centroid; 0 for one", "1", "[0, 1]", CX
    ),
    Feature(
        "concave_fraction",
        "share of the smooth contour with curvature x r below -0.1",
        "1",
        "[0, 1)",
        "Rosenblatt 1993",
        0.1,
    ),
    Feature(
        "concave_runs",
        "number of its stretches with curvature x r below -0.1",
        "1",
        "0, 1, 2 ...",
        "Rosenblatt 1993",
        0.1,
    ),
    Feature("curvature_min", "smallest curvature x r; 1 on a disc", "1", "(-inf, 1]", "Rosenblatt 1993", 0.1),
    Feature("curvature_sd", "sd of curvature x r; 0 on a disc", "1", "[0, inf)", "Rosenblatt 1993", 0.1),
    Feature(
        "bending_energy",
        "r / (2 pi) x integral of squared curvature; 1 on a disc",
        "1",
        "[1, inf)",
        "Young et al. 1974",
        0.1,
    ),
    Feature(
        "convexity_deficit",
        "1 - length of the hull / length of the smooth contour",
        "1",
        "[0, 1)",
        "BMC Bioinformatics 13:232",
        0.1,
    ),
    Feature("lobes", "largest number of parts that erosion leaves", "1", "1, 2 ...", LOBED),
    Feature("lobe_split", "1 - erosion at the first split / at the end, in 16 steps; 0 if whole", "1", "[0, 1)", LOBED),
)

MIN_AREA = 8
"""Fewest pixels of which clefts are told."""

NOISE_PX, NOISE_SHARE = 1.0, 0.05
"""Depth that counts as a cleft: above 1 px, as digital discs have defects of up to 0.93 px, and 5 % of the radius."""

CONCAVE = -0.1
"""Curvature times radius below which the outline counts as concave."""

CONTOUR_SIGMA = 0.012
"""Smoothing of the contour before its curvature is taken, as a share of its length."""

EROSIONS = 16
"""Steps from the whole region to its innermost point."""


@dataclass(frozen=True)
class Concavities:
    """What lies between a contour and its convex hull, one entry an interval between hull corners.

    Parameters
    ----------
    depth : ndarray of float64
        Largest distance of the contour from the chord.
    opening : ndarray of float64
        Length of the chord.
    area : ndarray of float64
        Between chord and contour.
    middle : ndarray of float64, shape (n, 2)
        (x, y) of the chord's middle.
    """

    depth: npt.NDArray[np.float64]
    opening: npt.NDArray[np.float64]
    area: npt.NDArray[np.float64]
    middle: Points


class Clefting(HandcraftedBase):
    """How deeply the outlines of nucleus and cell are cleft, indented and lobed.

    Parameters
    ----------
    regions : sequence of str or str
        Of `cell`, `nucleus`.
    """

    def __init__(self, regions: Sequence[str] | str = OUTLINED) -> None:
        self.regions = regions

    def _families(self) -> list[Family]:
        """The one family."""
        regions = chosen(self.regions, OUTLINED, "outlined region")
        return [outline_family("clefting", keyed(FEATURES), clefting, regions=regions, min_area=MIN_AREA)]


def clefting(region: Region) -> Measured:
    """Clefts, curvature and lobes of a region, in units of the radius r = sqrt(A / pi): a value for each of `FEATURES`.

    A cleft is a concavity of the pixel contour deeper than max(1 px, 0.05 r). Where there is none, what is said of
    clefts is 0. Threads of up to two pixels are removed first.

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
    if clean is None or clean.area < MIN_AREA or clean.smooth_contour is None:
        return missing((feature.name for feature in FEATURES), Status.TOO_SMALL)
    return _clefts(clean) | _curvature(clean, clean.smooth_contour) | _lobes(region)


def concavities(contour: npt.NDArray[np.int32]) -> Concavities:
    """Every interval of a closed contour between two neighbours on its convex hull.

    Unlike OpenCV's `convexityDefects`, which raises on them, contours that touch themselves are measured as they run.

    Parameters
    ----------
    contour : ndarray of int32, shape (n, 2)
        (x, y).

    Returns
    -------
    Concavities
        Empty where the hull has fewer than 3 corners.
    """
    corners = np.unique(np.asarray(cv2.convexHull(contour, returnPoints=False)))
    if len(corners) < 3:
        nothing = np.zeros(0)
        return Concavities(nothing, nothing, nothing, np.zeros((0, 2)))
    points = np.roll(contour, -corners[0], axis=0).astype(np.float64)
    starts = corners - corners[0]
    ends = np.append(starts[1:], 0)
    chords = points[ends] - points[starts]
    opening = np.hypot(*chords.T)
    interval = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(points))))
    here = points - points[starts][interval]
    there = np.roll(points, -1, axis=0) - points[starts][interval]
    off_chord = np.abs(_cross(chords[interval], here)) / np.where(opening > 0, opening, 1)[interval]
    return Concavities(
        depth=np.maximum.reduceat(off_chord, starts),
        opening=opening,
        area=np.abs(np.add.reduceat(_cross(here, there), starts)) / 2,
        middle=(points[starts] + points[ends]) / 2,
    )


def curvature(contour: Points, *, sigma: float = CONTOUR_SIGMA) -> tuple[npt.NDArray[np.float64], Points]:
    """Curvature along a closed contour after Gaussian smoothing, by differentiation of its Fourier series.

    Parameters
    ----------
    contour : ndarray of float64, shape (n, 2)
        Equally spaced (x, y) with positive signed area.
    sigma : float
        Standard deviation of the smoothing, as a share of the contour's length.

    Returns
    -------
    curvature : ndarray of float64, shape (n,)
        Per pixel; positive where the contour is convex.
    steps : ndarray of float64, shape (n,)
        Length of contour that each value stands for.
    """
    n = len(contour)
    order = np.fft.fftfreq(n, 1 / n)
    series = np.fft.fft(contour[:, 0] + 1j * contour[:, 1]) * np.exp(-2 * (np.pi * sigma * order) ** 2)
    first = np.fft.ifft(2j * np.pi * order * series)
    second = np.fft.ifft(-((2 * np.pi * order) ** 2) * series)
    speed = np.abs(first)
    return np.imag(np.conj(first) * second) / speed**3, speed / n


def _clefts(region: Region) -> Measured:
    found = concavities(region.contour)
    radius = region.radius
    depths = np.sort(np.append(found.depth, [0.0, 0.0]))[::-1]
    is_cleft = found.depth > _noise(radius)
    away = found.middle[is_cleft] - region.centroid
    directions = (away[:, 0] + 1j * away[:, 1]) / np.maximum(np.hypot(*away.T), 1e-9)
    return {
        "count": float(np.count_nonzero(is_cleft)),
        "depth_max": float(depths[0]) / radius,
        "depth_second": float(depths[1]) / radius,
        "depth_sum": float(found.depth[is_cleft].sum()) / radius,
        "area_max": float(np.max(found.area, initial=0.0)) / abs(signed_area(region.hull)),
        "sharpness_max": float(np.max(found.depth[is_cleft] / np.maximum(found.opening[is_cleft], 1.0), initial=0.0)),
        "angle_spread": 1 - float(np.abs(directions.mean())) if len(directions) > 1 else 0.0,
    }


def _curvature(region: Region, contour: Points) -> Measured:
    bends, steps = curvature(contour)
    scaled = bends * region.radius
    concave = scaled < CONCAVE
    length = float(steps.sum())
    mean = float((scaled * steps).sum()) / length
    return {
        "concave_fraction": float(steps[concave].sum()) / length,
        "concave_runs": float(np.count_nonzero(concave & ~np.roll(concave, 1))),
        "curvature_min": float(scaled.min()),
        "curvature_sd": float(np.sqrt(((scaled - mean) ** 2 * steps).sum() / length)),
        "bending_energy": region.radius / (2 * np.pi) * float((bends**2 * steps).sum()),
        "convexity_deficit": 1 - hull_length(contour) / polygon_length(contour),
    }


def _lobes(region: Region) -> Measured:
    distance = region.distance
    deepest, noise = float(distance.max()), _noise(region.radius)
    most, split = 1, 0.0
    for step in range(1, EROSIONS):
        depth = deepest * step / EROSIONS
        if depth + noise >= deepest:
            break
        _, labels = cv2.connectedComponents((distance > depth).astype(np.uint8), connectivity=8)
        # A part counts while it outlives the noise, or each bump of a ridge would be a lobe.
        lobes = int(np.count_nonzero(np.bincount(labels[distance > depth + noise])))
        if lobes > 1 and most == 1:
            split = 1 - step / EROSIONS
        most = max(most, lobes)
    return {"lobes": float(most), "lobe_split": split}


def _noise(radius: float) -> float:
    return max(NOISE_PX, NOISE_SHARE * radius)


def _cross(one: Points, other: Points) -> npt.NDArray[np.float64]:
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])
