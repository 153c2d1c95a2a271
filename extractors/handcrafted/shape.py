"""What shape the cell and its nucleus have, whatever their size and orientation."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.contour import signed_area
from extractors.handcrafted.family import Family, HandcraftedBase, chosen, outline_family
from extractors.handcrafted.feature import Feature, keyed
from extractors.handcrafted.parts import OUTLINED
from extractors.handcrafted.region import Region
from extractors.handcrafted.size import REGIONPROPS
from extractors.handcrafted.status import Measured, Status, missing

HU = "Hu 1962; scikit-image moments_hu"

PIXEL_FEATURES = (
    Feature("circularity", "4 pi A / P^2 with Crofton's perimeter", "1", "(0, 1.1]", "ISO 9276-6"),
    Feature("roundness", "4 A / (pi feret_max^2)", "1", "(0, 1]", "ISO 9276-6"),
    Feature("eccentricity", "sqrt(1 - l2/l1) of the pixels' variances; 0 for a disc", "1", "[0, 1]", REGIONPROPS),
    Feature("aspect_ratio", "feret_min / feret_max", "1", "(0, 1]", "ISO 9276-6"),
    Feature("solidity", "A / area of the convex hull of the pixels' corners", "1", "(0, 1]", REGIONPROPS),
    Feature("rectangularity", "A / area of the smallest rectangle at any angle", "1", "(0, 1]", "Rosin 1999", 1e-4),
    Feature(
        "inscribed_ratio",
        "radius of the largest disc inside / of the smallest around",
        "1",
        "(0, 1]",
        "ISO 9276-6",
        1e-4,
    ),
    Feature(
        "asymmetry", "share of pixels without a partner opposite the centroid", "1", "[0, 1)", "Bozhok & Nikonenko 2014"
    ),
    Feature("hu_1", "nu20 + nu02", "1", "[0.159, inf)", HU),
    Feature("hu_3", "sqrt of Hu's third invariant, so that it is linear in the moments", "1", "[0, inf)", HU),
    Feature("hu_4", "sqrt of Hu's fourth invariant, so that it is linear in the moments", "1", "[0, inf)", HU),
)
CONTOUR_FEATURES = (
    Feature(
        "radial_sd",
        "sd / mean of the smooth contour's distance from the centroid",
        "1",
        "[0, inf)",
        "Mohapatra 2014",
        0.1,
    ),
    Feature(
        "radial_skewness",
        "skewness of the smooth contour's distance from the centroid",
        "1",
        "(-inf, inf)",
        "Mohapatra 2014",
        0.1,
    ),
)
"""Of the region without threads of up to two pixels."""

FEATURES = PIXEL_FEATURES + CONTOUR_FEATURES
"""`hu_2` is left out, as eccentricity and `hu_1` give it."""

MIN_AREA = 8
"""Fewest pixels of which a shape is told."""

ROUND = 1e-3
"""Spread of the radius, over its mean, below which an outline is a circle to within what the pixels resolve."""


class Shape(HandcraftedBase):
    """What shape cell and nucleus have, whatever their size and orientation; the same for mirror images.

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
        return [outline_family("shape", keyed(FEATURES), shape, regions=regions, min_area=MIN_AREA)]


def shape(region: Region) -> Measured:
    """Dimensionless shape of a region: a value for each of `FEATURES`.

    Parameters
    ----------
    region : Region
        Of at least 8 pixels.

    Returns
    -------
    Measured
        `TOO_SMALL` for what is told of the outline where the region is too thin to have one; `FLAT` for the skewness
        of a constant radius.
    """
    return _of_pixels(region) | _of_contour(region)


def asymmetry(mask: npt.NDArray[np.bool_], centroid: npt.NDArray[np.float64]) -> float:
    """Share of the pixels whose mirror point about the centroid lies outside the mask.

    Mirror points fall between pixels; their membership is interpolated linearly, which keeps quarter turns and flips
    exact.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Not empty.
    centroid : ndarray of float64, shape (2,)
        (x, y).

    Returns
    -------
    float
        In [0, 1).
    """
    (x, y), (fx, fy) = np.divmod(2 * centroid, 1)
    kept = 0.0
    for column, row, weight in (
        (x, y, (1 - fx) * (1 - fy)),
        (x + 1, y, fx * (1 - fy)),
        (x, y + 1, (1 - fx) * fy),
        (x + 1, y + 1, fx * fy),
    ):
        if weight > 0:
            kept += weight * _partners(mask, int(column), int(row))
    return float(1 - kept / np.count_nonzero(mask))


def _partners(mask: npt.NDArray[np.bool_], sum_x: int, sum_y: int) -> int:
    """Number of pixels p in the mask with (sum_x, sum_y) - p in it too."""
    height, width = mask.shape
    y0, y1 = max(0, sum_y - height + 1), min(height, sum_y + 1)
    x0, x1 = max(0, sum_x - width + 1), min(width, sum_x + 1)
    window = mask[y0:y1, x0:x1]
    return int(np.count_nonzero(window & window[::-1, ::-1]))


def _of_pixels(region: Region) -> Measured:
    area, (feret_max, feret_min) = region.area, region.feret
    largest, smallest = region.principal_variances
    hull = region.hull.astype(np.float32)
    hu = np.asarray(cv2.HuMoments(region.moments)).ravel()
    outer = cv2.minEnclosingCircle(hull)[1]
    return {
        "circularity": 4 * np.pi * area / region.perimeter**2,
        "roundness": 4 * area / (np.pi * feret_max**2),
        "eccentricity": float(np.sqrt(1 - smallest / largest)),
        "aspect_ratio": feret_min / feret_max,
        "solidity": area / abs(signed_area(region.hull)),
        "rectangularity": area / float(np.prod(cv2.minAreaRect(hull)[1])),
        # The half pixel: distances run to the next pixel's centre, the corners lie half a pixel nearer.
        "inscribed_ratio": (float(region.distance.max()) - 0.5) / outer,
        "asymmetry": asymmetry(region.mask, region.centroid),
        "hu_1": float(hu[0]),
        "hu_3": float(np.sqrt(hu[2])),
        "hu_4": float(np.sqrt(max(hu[3], 0.0))),
    }


def _of_contour(region: Region) -> Measured:
    contour = region.cleaned.smooth_contour if region.cleaned is not None else None
    if region.cleaned is None or contour is None:
        return missing((feature.name for feature in CONTOUR_FEATURES), Status.TOO_SMALL)
    radii = np.hypot(*(contour - region.cleaned.centroid).T)
    spread = float(radii.std())
    is_round = spread < ROUND * radii.mean()
    return {
        "radial_sd": spread / float(radii.mean()),
        "radial_skewness": Status.FLAT if is_round else float(np.mean((radii - radii.mean()) ** 3) / spread**3),
    }
