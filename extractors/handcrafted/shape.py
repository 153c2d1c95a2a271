"""What shape the cell and its nucleus have, whatever their size and orientation."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.contour import Points, signed_area
from extractors.handcrafted.region import Parts, Region, region_names
from extractors.handcrafted.size import crofton_perimeter
from extractors.handcrafted.status import Measured, Status

PIXEL_FEATURES = (
    "circularity",
    "roundness",
    "eccentricity",
    "aspect_ratio",
    "solidity",
    "rectangularity",
    "inscribed_ratio",
    "asymmetry",
    "hu_1",
    "hu_3",
    "hu_4",
)
CONTOUR_FEATURES = ("radial_sd", "radial_skewness", "fourier_irregularity")
NAMES = region_names("shape", PIXEL_FEATURES + CONTOUR_FEATURES)

MIN_AREA = 8
"""Fewest pixels of which a shape is told."""

HARMONICS = 10
ROUND = 1e-3
"""Spread of the radius, over its mean, below which an outline is a circle to within what the pixels resolve."""


def shape(parts: Parts) -> Measured:
    """Dimensionless shape of cell and nucleus, the same for mirror images.

    - `circularity`: 4 pi A / P^2 with Crofton's perimeter; 1 for a disc, slightly above for some small ones.
    - `roundness`: 4 A / (pi feret_max^2), ISO 9276-6.
    - `eccentricity`: sqrt(1 - l2/l1) of the pixels' variances; 0 for a disc, 1 for a line.
    - `aspect_ratio`: feret_min / feret_max.
    - `solidity`: A / area of the convex hull of the pixels' corners, in (0, 1].
    - `rectangularity`: A / area of the smallest rectangle at any angle, in (0, 1].
    - `inscribed_ratio`: radius of the largest disc inside over that of the smallest around, in (0, 1].
    - `asymmetry`: share of pixels without a partner opposite the centroid, in [0, 1).
    - `hu_1`, `hu_3`, `hu_4`: Hu's invariants of the normalised central moments, of the last two the square root so
      that all are linear in the moments. `hu_2` is left out, as eccentricity and `hu_1` give it.
    - `radial_sd`, `radial_skewness`: of the distance from its centroid of the smooth contour, of the region without
      threads of up to two pixels; the sd over the mean.
    - `fourier_irregularity`: sum of the larger amplitude of harmonics 2 to 10 of the smooth contour over that of
      harmonic 1, after Kuhl & Giardina 1982; 0 for a circle.

    Parameters
    ----------
    parts : Parts
        The cell.

    Returns
    -------
    Measured
        A value for each of `NAMES`; a status where a region is missing, under 8 pixels, too thin to have an outline
        (`TOO_SMALL`), or cut by the frame; `FLAT` for the skewness of a constant radius.
    """
    return parts.measure("shape", PIXEL_FEATURES + CONTOUR_FEATURES, _measure, min_area=MIN_AREA)


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


def fourier_irregularity(contour: Points) -> float:
    """Amplitude of harmonics 2 to 10 over that of harmonic 1 of a closed contour sampled at equal distances.

    Harmonic n runs round an ellipse whose half axes are the sum and the difference of the two Fourier amplitudes at
    +n and -n; the larger amplitude is half of the sum of the axes.
    """
    amplitudes = np.abs(np.fft.fft(contour[:, 0] + 1j * contour[:, 1]))
    orders = np.arange(1, HARMONICS + 1)
    larger = np.maximum(amplitudes[orders], amplitudes[-orders])
    return float(larger[1:].sum() / larger[0])


def _partners(mask: npt.NDArray[np.bool_], sum_x: int, sum_y: int) -> int:
    """Number of pixels p in the mask with (sum_x, sum_y) - p in it too."""
    height, width = mask.shape
    y0, y1 = max(0, sum_y - height + 1), min(height, sum_y + 1)
    x0, x1 = max(0, sum_x - width + 1), min(width, sum_x + 1)
    window = mask[y0:y1, x0:x1]
    return int(np.count_nonzero(window & window[::-1, ::-1]))


def _measure(region: Region) -> Measured:
    return _of_pixels(region) | _of_contour(region)


def _of_pixels(region: Region) -> Measured:
    area, (feret_max, feret_min) = region.area, region.feret
    largest, smallest = region.principal_variances
    hull = region.hull.astype(np.float32)
    hu = np.asarray(cv2.HuMoments(region.moments)).ravel()
    outer = cv2.minEnclosingCircle(hull)[1]
    return {
        "circularity": 4 * np.pi * area / crofton_perimeter(region.mask) ** 2,
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
        return dict.fromkeys(CONTOUR_FEATURES, Status.TOO_SMALL)
    radii = np.hypot(*(contour - region.cleaned.centroid).T)
    spread = float(radii.std())
    is_round = spread < ROUND * radii.mean()
    return {
        "radial_sd": spread / float(radii.mean()),
        "radial_skewness": Status.FLAT if is_round else float(np.mean((radii - radii.mean()) ** 3) / spread**3),
        "fourier_irregularity": fourier_irregularity(contour),
    }
