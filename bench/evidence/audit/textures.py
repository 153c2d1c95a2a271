"""Similarity of the textures of two cells, invariant to small shifts."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FINE, COARSE = 0.01, 0.04
"""Standard deviations of the two Gaussian blurs whose difference is the texture, as shares of the longer side."""

AROUND = 0.05
"""Standard deviation of the neighbourhood for contrast normalisation, as a share of the longer side."""

RIM = 0.08
"""Width of the erosion window that excludes the rim, as a share of the longer side."""

NOISE = 0.5
"""Grey levels added to the contrast, so that rounding errors are not amplified."""

FLAT = 0.25
"""Minimum root mean square of the texture, in grey levels; below it the cell is flat."""

Floats = npt.NDArray[np.float32]


def texture(grey: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> Floats:
    """Compute the band-pass filtered, contrast-normalised texture of a cell without its rim, at unit length.

    The rim is excluded because all cells on black have one, which would make cropped cells similar. Without contrast
    normalisation the edge of a round nucleus would outweigh the chromatin and make smooth cells similar.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
        Luminance.
    inside : ndarray of bool, shape (height, width)
        True on the cell.

    Returns
    -------
    ndarray of float32, shape (height, width)
        0 outside the cell; the squares sum to 1. All 0 if the cell is flat or has no pixels apart from its rim.
    """
    side = max(grey.shape)
    weight = inside.astype(np.float32)
    window = max(3, int(side * RIM) | 1)
    padded = cv2.copyMakeBorder(weight, window, window, window, window, cv2.BORDER_CONSTANT, value=0)
    deep = cv2.erode(padded, np.ones((window, window), np.uint8))[window:-window, window:-window] > 0
    pixels = np.count_nonzero(deep)
    if pixels == 0:
        return np.zeros(grey.shape, dtype=np.float32)
    values = grey.astype(np.float32)
    coarse = _blurred(values * weight, COARSE * side) / np.maximum(_blurred(weight, COARSE * side), 1e-3)
    band = np.where(deep, _blurred(values, FINE * side) - coarse, np.float32(0))
    if np.linalg.norm(band) < FLAT * np.sqrt(pixels):
        return np.zeros(grey.shape, dtype=np.float32)
    share = np.maximum(_blurred(deep.astype(np.float32), AROUND * side), 1e-3)
    even = band / (np.sqrt(_blurred(band * band, AROUND * side) / share) + NOISE)
    return np.asarray(even / np.linalg.norm(even), dtype=np.float32)


def similarity(one: Floats, two: Floats, *, reach: int) -> float:
    """Compute the largest correlation of two textures over shifts of up to `reach` pixels in each direction.

    Parameters
    ----------
    one, two : ndarray of float32, shape (height, width)
        Textures from `texture`; their shapes may differ by some pixels.

    Returns
    -------
    float
        In [-1, 1]; 0 if a texture is all 0.
    """
    height, width = np.maximum(one.shape, two.shape)
    still = _framed(one, height, width, 0)
    moved = _framed(two, height, width, reach)
    return float(np.clip(cv2.matchTemplate(moved, still, cv2.TM_CCORR).max(), -1.0, 1.0))


def _blurred(values: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float32)


def _framed(values: Floats, height: int, width: int, margin: int) -> Floats:
    below, right = height - values.shape[0] + margin, width - values.shape[1] + margin
    return np.asarray(cv2.copyMakeBorder(values, margin, below, margin, right, cv2.BORDER_CONSTANT, value=0))
