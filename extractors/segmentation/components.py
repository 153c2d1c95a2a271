"""Connected pieces of a mask and the holes in them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

BoolMask = npt.NDArray[np.bool_]


def largest_component(mask: BoolMask) -> BoolMask:
    """The largest 8-connected component of a mask; of two of one size the one that begins higher up.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False where `mask` is.
    """
    labels, areas = components(mask)
    return np.asarray(labels == 1 + int(np.argmax(areas))) if len(areas) else np.zeros_like(mask)


def fill_holes(mask: BoolMask) -> BoolMask:
    """The mask with every background region that does not reach the frame (through 4-connected pixels) filled."""
    outside = cv2.copyMakeBorder((~mask).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def components(mask: BoolMask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The 8-connected components of a mask.

    Returns
    -------
    labels : ndarray of int32, shape (height, width)
        0 outside the mask, then 1, 2, ...
    areas : ndarray of int64, shape (n_components,)
        Pixels of components 1, 2, ...
    """
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels, dtype=np.int32), np.bincount(labels.ravel(), minlength=count)[1:]
