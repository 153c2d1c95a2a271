"""The mask of a cell that lies on a black frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.segmentation.bounds import bounds
from extractors.segmentation.components import fill_holes, largest_component

BoolMask = npt.NDArray[np.bool_]

LOSSY_MARGIN = 16
"""How far above the border's median a pixel of a JPEG must lie to be foreground, of 255.

JPEG rings around the cell: on real cells at quality 90, 99 % of the background lies below 4 and all of it below 21,
while the cell's rim lies at 50. The margin stands between, and errs little either way: see the test of the mask area.
"""

DARKEST_WHITE = 32
"""A border of a JPEG that is this bright is no longer black."""


def foreground_mask(image: npt.NDArray[np.uint8], *, lossy: bool = False) -> BoolMask:
    """Foreground of a black-background image: its largest 8-connected component, holes filled, loose debris dropped.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    lossy : bool
        As for `lit_pixels`.

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False where the image is black throughout.

    Raises
    ------
    ValueError
        The frame is not black: more than half of its border is lit.
    """
    lit = lit_pixels(image, lossy=lossy)
    found = np.zeros_like(lit)
    if not lit.any():
        return found
    window = bounds(lit)
    found[window] = fill_holes(largest_component(lit[window]))
    return found


def lit_pixels(image: npt.NDArray[np.uint8], *, lossy: bool = False) -> BoolMask:
    """What is not black in a black-background image: the cell with its debris, and without what is black inside it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    lossy : bool
        The pixels went through JPEG: black is not exactly 0, and the threshold lies `LOSSY_MARGIN` above the median of
        the frame's border.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Raises
    ------
    ValueError
        The frame is not black: more than half of its border is lit.
    """
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).max(axis=1)
    threshold = int(np.median(border)) + LOSSY_MARGIN if lossy else 0
    if threshold > DARKEST_WHITE or np.mean(border > threshold) > 0.5:
        raise ValueError(
            "the frame around the cell is not black, so the cell cannot be told from it; "
            "give masks with --mask FOLDER, look for the white cell of a smear with --mask smear, or take the whole "
            "frame as the cell with --mask whole"
        )
    return np.asarray(cv2.inRange(image, (0, 0, 0), (threshold,) * 3) == 0)
