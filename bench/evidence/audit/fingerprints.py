"""Perceptual hashes of a cell in eight orientations, from one cosine transform."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.fft import dctn

from bench.datasets.scanning.orientations import ORIENTATIONS
from bench.statistics.arrays import Flags

SIDE = 64
"""Side length of a thumbnail, px."""

LOW = 16
"""Rows and columns of hashed low frequencies: 256 bits."""

UInt8 = npt.NDArray[np.uint8]
UInt64 = npt.NDArray[np.uint64]


def thumbnail(image: UInt8, mask: Flags) -> tuple[UInt8, Flags]:
    """Crop a cell to the bounding box of its mask and resize it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        True on the cell; at least one pixel.

    Returns
    -------
    grey : ndarray of uint8, shape (SIDE, SIDE)
        Luminance of the bounding box.
    inside : ndarray of bool, shape (SIDE, SIDE)
        True on the cell.
    """
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    crop = np.ascontiguousarray(image[y : y + height, x : x + width])
    grey = Image.fromarray(crop).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    cover = np.where(mask[y : y + height, x : x + width], np.uint8(255), np.uint8(0))
    inside = Image.fromarray(cover).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(grey), np.asarray(inside) >= 128


def hashes(grey: UInt8) -> UInt64:
    """Compute the 256-bit perceptual hashes of thumbnails in each of the eight orientations.

    The bits are whether each of the 16 x 16 lowest frequencies of the two-dimensional cosine transform is above their
    median, as in `imagehash.phash(hash_size=16)`. A flip changes the sign of the odd frequencies along its axis and
    transposition transposes them, so that one transform is enough.

    Parameters
    ----------
    grey : ndarray of uint8, shape (n, SIDE, SIDE)
        Thumbnails.

    Returns
    -------
    ndarray of uint64, shape (n, 8, 4)
        In the order of `ORIENTATIONS`; the first is that of the unchanged thumbnail.
    """
    low = dctn(grey.astype(np.float64), axes=(1, 2))[:, :LOW, :LOW]
    odd = np.where(np.arange(LOW) % 2, -1.0, 1.0)
    bits = np.empty((len(grey), len(ORIENTATIONS), LOW, LOW), dtype=np.bool_)
    for place, (transposed, down, across) in enumerate(ORIENTATIONS):
        turned = low.transpose(0, 2, 1) if transposed else low
        turned = turned * (odd if down else 1.0 + 0 * odd)[:, None] * (odd if across else 1.0)
        bits[:, place] = turned > np.median(turned, axis=(1, 2), keepdims=True)
    packed = np.packbits(bits.reshape(len(grey), len(ORIENTATIONS), LOW * LOW), axis=-1)
    return packed.view(np.uint64)
