"""Connected components of a mask and their holes."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.arrays import BoolArray, Int32Array, Int64Array, UInt8Array


def largest_component(mask: BoolArray) -> BoolArray:
    """Select the largest 8-connected component of a mask; ties go to the first label.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False if `mask` is empty.
    """
    labels, areas = components(mask)
    return np.asarray(labels == 1 + int(np.argmax(areas))) if len(areas) else np.zeros_like(mask)


def disc(radius: int) -> UInt8Array:
    """Footprint of a disc of radius `radius` + 1/2; unlike OpenCV's ellipse, it is symmetric under quarter turns."""
    squares = np.arange(-radius, radius + 1) ** 2
    return (np.add.outer(squares, squares) <= radius * (radius + 1)).astype(np.uint8)


def fill_holes(mask: BoolArray) -> BoolArray:
    """Fill every background region that is not 4-connected to the frame."""
    outside = cv2.copyMakeBorder((~mask).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def components(mask: BoolArray) -> tuple[Int32Array, Int64Array]:
    """Label the 8-connected components of a mask.

    Returns
    -------
    labels : ndarray of int32, shape (height, width)
        0 outside the mask, then 1, 2, ...
    areas : ndarray of int64, shape (n_components,)
        Number of pixels of components 1, 2, ...
    """
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, dtype=np.int32), np.bincount(labels.ravel(), minlength=count)[1:]
