"""The eight orientations of an image, and a digest that all eight share."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]

ORIENTATIONS = tuple((transposed, down, across) for transposed in (0, 1) for down in (0, 1) for across in (0, 1))
"""Which of transposition, then a flip of the rows, then a flip of the columns leads to each orientation; the first
leaves the image as it is."""


def oriented(image: Image, orientation: tuple[int, int, int]) -> Image:
    """An image in one of `ORIENTATIONS`: shape (height, width, ...), transposed first; a view."""
    transposed, down, across = orientation
    turned = image.swapaxes(0, 1) if transposed else image
    return turned[:: -1 if down else 1, :: -1 if across else 1]


def picture_digest(image: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of an image's size and pixels in a canonical orientation: turned and mirrored copies share it.

    The canonical orientation is the one whose row sums, followed by its column sums, come first in order. Only the
    sums are turned to find it; where several orientations tie, as in a symmetric image, the smallest digest counts.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    rows, columns = _sums(image)
    keys = []
    for transposed, down, across in ORIENTATIONS:
        first, second = (columns, rows) if transposed else (rows, columns)
        keys.append((len(first), *first[:: -1 if down else 1].tolist(), *second[:: -1 if across else 1].tolist()))
    least = min(keys)
    return min(_digest(image, ORIENTATIONS[i]) for i, key in enumerate(keys) if key == least)


def _sums(image: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum of each row and of each column; float64 holds them exactly for any image that is read."""
    rows = cv2.reduce(image, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).reshape(len(image), -1).sum(axis=1)
    columns = cv2.reduce(image, 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F).reshape(image.shape[1], -1).sum(axis=1)
    return rows, columns


def _digest(image: npt.NDArray[np.uint8], orientation: tuple[int, int, int]) -> str:
    transposed, down, across = orientation
    turned = cv2.transpose(image) if transposed else image
    if down or across:
        turned = cv2.flip(turned, {(1, 0): 0, (0, 1): 1, (1, 1): -1}[down, across])
    height, width = turned.shape[:2]
    whole = hashlib.sha256(f"{height}x{width}:".encode())
    whole.update(np.ascontiguousarray(turned).data)
    return whole.hexdigest()
