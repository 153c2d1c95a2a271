"""Windows that are completely inside a mask."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.arrays import BoolArray


def complete_windows(mask: BoolArray, height: int, width: int) -> BoolArray:
    """Whether every pixel of a window is in the mask, for each position of the window.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
    height, width : int
        Size of the window, at least 1.

    Returns
    -------
    ndarray of bool, shape (rows - height + 1, columns - width + 1)
        Indexed by the first row and column of the window; empty if the window is larger than the mask.
    """
    rows, columns = mask.shape
    if height > rows or width > columns:
        return np.zeros((max(rows - height + 1, 0), max(columns - width + 1, 0)), dtype=np.bool_)
    sums = cv2.integral(mask.view(np.uint8), sdepth=cv2.CV_32S)
    above, below = sums[: rows - height + 1], sums[height:]
    counts = below[:, width:] - below[:, : columns - width + 1] - above[:, width:] + above[:, : columns - width + 1]
    return np.asarray(counts == height * width)
