"""Bounding box of a mask and longest run of a line."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.arrays import BoolArray


def bounds(mask: BoolArray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box that contains every True pixel; empty slices if there is none.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    """
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def longest_run(line: BoolArray) -> int:
    """Length of the longest run of True.

    Parameters
    ----------
    line : ndarray of bool, shape (n,)
    """
    edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
    return int(np.max(edges[1::2] - edges[::2], initial=0))
