"""How alike two cells are in their texture, wherever exactly they lie in their crops."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FINE, COARSE = 0.01, 0.04
"""Standard deviations of the two blurs whose difference is the texture, as shares of the longer side."""

AROUND = 0.05
"""Standard deviation, as such a share, of the neighbourhood whose contrast the texture is divided by."""

RIM = 0.08
"""Width, as a share of the longer side, of the window whose every pixel must lie on the cell."""

NOISE = 0.5
"""Grey levels added to the contrast, so that rounding is not made as strong as texture."""

FLAT = 0.25
"""Grey levels: a cell whose texture has a smaller root mean square has none."""

Floats = npt.NDArray[np.float32]


def texture(grey: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> Floats:
    """What is finer than a cell's shading and coarser than noise, of even contrast, away from its rim, at unit length.

    The rim is left out because all cells on black have one: cropped to their boxes, they would be alike by it. Without
    the even contrast, the edge of a round nucleus outweighs the chromatin, and smooth cells would be alike by that.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
        Luminance.
    inside : ndarray of bool, shape (height, width)
        True on the cell.

    Returns
    -------
    ndarray of float32, shape (height, width)
        0 outside; its squares sum to 1. 0 throughout where the cell is flat or too small to have an inside.
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


def likeness(one: Floats, two: Floats, *, reach: int) -> float:
    """Largest correlation of two textures over shifts of up to `reach` pixels each way.

    Parameters
    ----------
    one, two : ndarray of float32, shape (height, width)
        As `texture` gives them; their shapes may differ by some pixels.

    Returns
    -------
    float
        In [-1, 1]; 0 where one of them is 0 throughout.
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
