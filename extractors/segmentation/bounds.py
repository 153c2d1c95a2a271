"""The box around a mask."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def bounds(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the smallest box that holds every True pixel; empty slices where there is none.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    """
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return slice(top, top + height), slice(left, left + width)
