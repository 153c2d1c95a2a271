"""Box-counting dimension of the border of a region."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

BOXES = (2, 4, 8, 16)
"""Sides in pixels of the boxes that are counted."""

_ROOM = BOXES[-1] - 1
"""Pixels by which the largest box may begin before the one that it holds."""

_APART = np.log(BOXES) - np.log(BOXES).mean()
_SLOPE = _APART / (_APART @ _APART)
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

Pixels = npt.NDArray[np.uint8]


def box_dimension(mask: npt.NDArray[np.bool_]) -> float:
    """Slope of the number of boxes that hold a border pixel against their side, both as logarithms, sign turned.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Its True pixels reach over more than 16 px along a row or a column.

    Returns
    -------
    float
        1 for a smooth outline, up to 2 for one that fills the plane; 0.94 to 1.09 for discs and ellipses of 20 to
        150 px radius, 0.94 to 1.06 from 30 px on.

    Notes
    -----
    Border pixels are those with one outside beside, above or below. Of each size the boxes are laid in every way and
    the fewest count, so that quarter turns and flips change nothing [1]_.

    References
    ----------
    .. [1] Foroutan-pour, Dutilleul & Smith, Advances in the implementation of the box-counting method of fractal
       dimension estimation, Applied Mathematics and Computation 105 (1999) 195.
    """
    return float(-_SLOPE @ np.log(fewest_boxes(mask)))


def fewest_boxes(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Fewest boxes of each of `BOXES` that cover the border, over all ways to lay their grid.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    ndarray of int64, shape (4,)
    """
    frame = _placed(_border(mask))
    height, width = frame.shape[0] - BOXES[-1], frame.shape[1]
    held, fewest = frame.ravel(), []
    for side in BOXES:
        # What a box holds is what four of half its side hold; boxes are named by their upper left corner. No row runs
        # into the next one, which begins with as many empty boxes.
        half = side // 2
        held = held[:-half] | held[half:]
        held = held[: -half * width] | held[half * width :]
        boxes = held[: height * width].reshape(-1, side, width)
        # The smallest type that holds the sum is added up several times as fast as the largest.
        rows = boxes.sum(axis=0, dtype=np.min_scalar_type(len(boxes)))
        fewest.append(rows[:, :-_ROOM].reshape(side, -1, side).sum(axis=1, dtype=np.int32).min())
    return np.array(fewest, dtype=np.int64)


def _border(mask: npt.NDArray[np.bool_]) -> Pixels:
    pixels = mask.astype(np.uint8)
    inside = cv2.erode(pixels, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(pixels - inside)


def _placed(border: Pixels) -> Pixels:
    """The border on a frame in which every box that holds a pixel of it begins within whole largest boxes."""
    height, width = (-(-(side + _ROOM) // BOXES[-1]) * BOXES[-1] for side in border.shape)
    frame = np.zeros((height + BOXES[-1], width + _ROOM), dtype=np.uint8)
    frame[_ROOM : _ROOM + border.shape[0], _ROOM : _ROOM + border.shape[1]] = border
    return frame
