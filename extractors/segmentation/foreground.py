"""Mask of a cell on a black background."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.segmentation.bounds import bounds
from extractors.segmentation.components import fill_holes, largest_component

LOSSY_MARGIN = 16
"""Smallest difference from the median of the border, of 255, for a pixel of a JPEG to be foreground.

JPEG rings around the cell: on real cells at quality 90, 99 % of the background is below 4 and all of it below 21, while
the rim of the cell is at 50. The error of the mask area is tested.
"""

RINGING_SHARE = 0.07
"""Smallest ratio of the pixels from 1 to `LOSSY_MARGIN` to the brighter ones that is read as ringing of a JPEG.

On the 52 real cells of C-NMC at most 0.013; on the same cells saved as JPEG of quality 75 to 98 and again as PNG, at
least 0.083; on cells that were cut out of JPEGs (the malaria cells of Rajaraman et al. 2018) at most 0.062.
"""

RECTANGULAR = 0.97
"""Share of its rectangle above which a shape is no cell: a disc has 0.79, a superellipse 0.945, a padded crop 1."""

_RECTANGLE_PX = 400
"""Smaller cells may be rectangles by chance."""

MASK_ADVICE = (
    "provide masks with --mask FOLDER, segment the white cell of a smear with --mask smear, or use the full image as "
    "the cell with --mask whole"
)

DARKEST_WHITE = 32
"""Largest threshold for which the border of a JPEG is black."""


def foreground_mask(image: UInt8Array, *, lossy: bool = False) -> BoolArray:
    """Segment the foreground of a black-background image: the largest 8-connected component with holes filled.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    lossy : bool
        See `lit_pixels`.

    Returns
    -------
    ndarray of bool, shape (height, width)
        All False if the image is black.

    Raises
    ------
    ValueError
        The background is not black: more than half of the border is lit.
    """
    lit = lit_pixels(image, lossy=lossy)
    mask = np.zeros_like(lit)
    if not lit.any():
        return mask
    window = bounds(lit)
    mask[window] = fill_holes(largest_component(lit[window]))
    return mask


def is_rectangle(mask: BoolArray) -> bool:
    """Whether a mask fills the smallest rectangle around it, in any direction: an image with a black border."""
    area = np.count_nonzero(mask)
    if area < _RECTANGLE_PX:
        return False
    (outline, *_), _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    _, (width, height), _ = cv2.minAreaRect(outline)
    return bool(area > RECTANGULAR * (width + 1) * (height + 1))


def has_ringing(image: UInt8Array) -> bool:
    """Whether an image without lossy compression was saved as JPEG before: many pixels are nearly black."""
    black, dark = (cv2.countNonZero(cv2.inRange(image, (0, 0, 0), (top,) * 3)) for top in (0, LOSSY_MARGIN))
    lit = image.shape[0] * image.shape[1] - dark
    return bool(lit > 0 and dark - black > RINGING_SHARE * lit)


def lit_pixels(image: UInt8Array, *, lossy: bool = False) -> BoolArray:
    """Find the pixels of a black-background image that are not black: the cell with debris and without holes.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    lossy : bool
        Whether the image is a JPEG: black is not exactly 0, and the threshold is the median of the border plus
        `LOSSY_MARGIN`. An image that was a JPEG before (`has_ringing`) is treated in the same way.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Raises
    ------
    ValueError
        The background is not black: more than half of the border is lit.
    """
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).max(axis=1)
    threshold = int(np.median(border)) + LOSSY_MARGIN if lossy or has_ringing(image) else 0
    if threshold > DARKEST_WHITE or np.mean(border > threshold) > 0.5:
        raise ValueError(f"the background is not black, so the cell cannot be segmented; {MASK_ADVICE}")
    return np.asarray(cv2.inRange(image, (0, 0, 0), (threshold,) * 3) == 0)
