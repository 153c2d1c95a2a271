"""Nucleoli: pale spots in a nucleus."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, Float64Array, Int64Array
from extractors.segmentation.components import components

RIM = 0.1
"""Outer share of the radius of the nucleus that is excluded, where it blends into the cytoplasm."""

SPOT = 0.03
"""Half width, as a share of the radius, of the square over which the spot is averaged."""

SURROUNDINGS = 0.4
"""Half width, as a share of the radius, of the square over which the surroundings are averaged."""

UNIT = 1e-6
"""Quantisation step of the optical density; sums of integers do not depend on their order."""


def nucleoli(
    density: npt.NDArray[np.floating], nucleus: BoolArray, distance: Float64Array, *, contrast: float, smallest: float
) -> Int64Array:
    """Measure the areas of the spots in a nucleus that are paler than their surroundings.

    The mean optical density over a small square is compared with that over a large one, both restricted to the nucleus
    without its rim: a difference of boxes, which approximates the Laplacian of a Gaussian. Spots are the 8-connected
    components where the small mean is lower by the contrast. Pale chromatin is not distinguished from nucleoli.

    Parameters
    ----------
    density : ndarray of float, shape (height, width)
        Optical density in green, which chromatin absorbs most.
    nucleus : ndarray of bool, shape (height, width)
        At least one pixel is True.
    distance : ndarray of float64, shape (height, width)
        Distance of each pixel of the nucleus to the nearest one outside.
    contrast : float
        Smallest relative difference of a spot from its surroundings, independent of the strength of the stain.
    smallest : float
        Smallest area of a spot as a share of the area of the nucleus.

    Returns
    -------
    ndarray of int64, shape (n_spots,)
        In pixels.

    References
    ----------
    Bay et al. 2008, Computer Vision and Image Understanding 110 (difference of boxes); Lindeberg 1998, International
    Journal of Computer Vision 30 (blobs).
    """
    area = int(np.count_nonzero(nucleus))
    radius = np.sqrt(area / np.pi)
    core = nucleus & (distance > RIM * radius)
    levels = np.where(core, np.rint(density / UNIT), 0.0)
    spot, pixels = _sums(levels, core, max(round(SPOT * radius), 1))
    around, all_pixels = _sums(levels, core, max(round(SURROUNDINGS * radius), 1))
    paler = spot * all_pixels <= (1 - contrast) * around * pixels
    _, areas = components(core & paler & (around > 0))
    return areas[areas >= smallest * area]


def _sums(levels: Float64Array, inside: BoolArray, half: int) -> tuple[Float64Array, Float64Array]:
    """Sum of the levels and number of inside pixels over a square around each pixel."""
    side = (2 * half + 1, 2 * half + 1)
    sums = cv2.boxFilter(levels, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.boxFilter(inside.view(np.uint8), cv2.CV_64F, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums), np.asarray(counts)
