"""Preparation step for Reinhard colour normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from extractors.arrays import BoolArray, Float32Array, Float64Array, UInt8Array
from extractors.preparation.step import RecolourStep, row_strips

REFERENCE_MEAN = np.array([-1.2335, -0.1830, 0.0381])
REFERENCE_SD = np.array([0.1864, 0.0398, 0.0082])
"""Mean and standard deviation of l, alpha and beta per cell, averaged over 52 C-NMC 2019 cells (Gupta & Gupta 2019, doi
10.7937/tcia.2019.dc64i46r); `tests/extractors/preparation/test_reinhard.py` reproduces them."""

_TO_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
_TO_LAB = np.diag([3**-0.5, 6**-0.5, 2**-0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])
_LN10 = float(np.log(10))

FLAT = 1e-6
"""SD in units of log10 below which a channel is constant; one level in one of 200,000 pixels is 4e-6."""


@dataclass(frozen=True)
class Reinhard(RecolourStep):
    """Colour transfer: map mean and SD of l, alpha and beta over the cell to those of a fixed reference.

    l, alpha and beta are sums and differences of log10 of the L, M and S cone responses, which are linear in (red,
    green, blue) with intensities (I + 1) / 256, so that black has a logarithm. Results are clipped to 0..255. The
    background is unchanged and ignored. A channel that is constant over the cell becomes the mean of the reference.

    References
    ----------
    Reinhard, Ashikhmin, Gooch, Shirley 2001, IEEE Computer Graphics and Applications 21(5):34-41.
    """

    name: ClassVar[str] = "reinhard"

    def _recolour(self, image: UInt8Array, mask: BoolArray) -> None:
        lab = np.empty(image.shape, dtype=np.float32)
        for rows in row_strips(mask.shape):
            lab[rows] = to_lab(image[rows])
        mean, sd = moments(lab, mask)
        scale = np.where(sd < FLAT, 0.0, REFERENCE_SD / np.maximum(sd, FLAT))
        for rows in row_strips(mask.shape):
            image[rows] = from_lab(lab[rows], scale, REFERENCE_MEAN - scale * mean)


def to_lab(image: UInt8Array) -> Float32Array:
    """Convert RGB pixels to l, alpha and beta, shape (height, width, 3), in units of log10."""
    lms = cv2.transform(image.astype(np.float32) + np.float32(1), _TO_LMS / 256)
    return np.asarray(cv2.transform(cv2.log(lms), _TO_LAB / _LN10), dtype=np.float32)


def from_lab(lab: Float32Array, scale: Float64Array, shift: Float64Array) -> UInt8Array:
    """Convert `lab * scale + shift` to RGB pixels, rounded and clipped to 0..255."""
    back = np.linalg.inv(_TO_LAB) * _LN10
    ln_lms = cv2.transform(lab, np.column_stack([back * scale, back @ shift]))
    rgb = cv2.transform(cv2.exp(ln_lms), np.column_stack([256 * np.linalg.inv(_TO_LMS), -np.ones(3)]))
    return np.asarray(cv2.convertScaleAbs(np.maximum(rgb, 0)), dtype=np.uint8)


def moments(lab: Float32Array, mask: BoolArray) -> tuple[Float64Array, Float64Array]:
    """Compute mean and SD of each channel over the mask, shape (3,) each."""
    mean, sd = cv2.meanStdDev(lab, mask=mask.view(np.uint8))
    return np.asarray(mean, dtype=np.float64).ravel(), np.asarray(sd, dtype=np.float64).ravel()
