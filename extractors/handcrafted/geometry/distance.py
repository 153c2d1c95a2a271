"""Distances of the pixels of a region to its border."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.arrays import BoolArray, Int32Array

EXACT_PX = 2500
"""Largest height and width for which OpenCV's distances, in single precision, give exact squares."""


def squared_distance(mask: BoolArray) -> Int32Array:
    """Compute the squared distance between the centres of each pixel and the nearest one outside the mask: an integer.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        False along its four sides.

    Returns
    -------
    ndarray of int32, shape (height, width)
        In px^2; 0 outside.
    """
    if max(mask.shape) > EXACT_PX:
        return _of_large_mask(mask)
    distance = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.rint(np.square(distance, dtype=np.float64)), dtype=np.int32)


def _of_large_mask(mask: BoolArray) -> Int32Array:
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 (slower; for large masks only)

    nearest = distance_transform_edt(mask, return_distances=False, return_indices=True)
    squares = np.zeros(mask.shape, dtype=np.int32)
    for axis, position in enumerate(np.ogrid[: mask.shape[0], : mask.shape[1]]):
        squares += np.square(nearest[axis] - position.astype(np.int32))
    return squares


def depths(squared_distance: Int32Array) -> tuple[float, float, float]:
    """Compute the largest, mean and median distance of the pixels to the nearest one outside.

    Summed by distance, so that the result does not depend on the order of the pixels.

    Parameters
    ----------
    squared_distance : ndarray of int32, shape (height, width)
        Positive in the region, which is not empty, and 0 elsewhere.

    Returns
    -------
    tuple of float
        In pixels, at least 1.
    """
    frequency = np.bincount(squared_distance.ravel())
    squares = 1 + np.flatnonzero(frequency[1:])
    distances, counts = np.sqrt(squares), frequency[squares]
    total, below = np.cumsum(distances * counts)[-1], np.cumsum(counts)
    # Both middle values; equal if the number of pixels is odd.
    lower, upper = distances[np.searchsorted(below, [(below[-1] - 1) // 2, below[-1] // 2], side="right")]
    return float(distances[-1]), float(total / below[-1]), float((lower + upper) / 2)
