"""The eight orientations of an image and an orientation-independent digest."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]

ORIENTATIONS = tuple((transposed, down, across) for transposed in (0, 1) for down in (0, 1) for across in (0, 1))
"""Orientations as (transposition, flip of the rows, flip of the columns), applied in this order; the first is the
identity."""


def oriented(image: Image, orientation: tuple[int, int, int]) -> Image:
    """Return a view of an image of shape (height, width, ...) in one of `ORIENTATIONS`."""
    transposed, down, across = orientation
    turned = image.swapaxes(0, 1) if transposed else image
    return turned[:: -1 if down else 1, :: -1 if across else 1]


def picture_digest(image: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of size and pixels in a canonical orientation; rotated and mirrored copies have the same digest.

    The canonical orientation has the lexicographically smallest row sums, followed by column sums. If several
    orientations tie, as in a symmetric image, the smallest digest is used.

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
    """Sum of each row and of each column, exact in float64 for any image that is read."""
    rows = cv2.reduce(image, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).reshape(len(image), -1).sum(axis=1)
    columns = cv2.reduce(image, 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F).reshape(image.shape[1], -1).sum(axis=1)
    return rows, columns


def _digest(image: npt.NDArray[np.uint8], orientation: tuple[int, int, int]) -> str:
    transposed, down, across = orientation
    turned = cv2.transpose(image) if transposed else image
    if down or across:
        turned = cv2.flip(turned, {(1, 0): 0, (0, 1): 1, (1, 1): -1}[down, across])
    height, width = turned.shape[:2]
    sha256 = hashlib.sha256(f"{height}x{width}:".encode())
    sha256.update(np.ascontiguousarray(turned).data)
    return sha256.hexdigest()
