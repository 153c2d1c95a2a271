"""The nucleus in a cell: the lobes that absorb green light more than blue."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from extractors.segmentation.bounds import bounds
from extractors.segmentation.components import components, fill_holes
from extractors.segmentation.otsu import ONE_POPULATION, otsu

BoolMask = npt.NDArray[np.bool_]

MIN_LOBE = 0.2
"""Smallest area of a lobe, as a share of the largest."""

MAX_LOBES = 6
"""A nucleus has five lobes at most, a hypersegmented one six; more pieces are granules."""

MIN_COHERENCE = 0.5
"""Smallest share of the dark pixels that the lobes must hold."""

PLAUSIBLE_RATIO = (0.2, 1.0)
"""Between these, both left out, lies the area of a nucleus as a share of its cell's."""

# OpenCV's own ellipse of this size is not the same after a quarter turn.
_DISC = (np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) <= 5).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Candidate:
    """What might be the nucleus of a cell, and what speaks for it.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        The lobes with their holes filled, inside the cell.
    explained : float
        Share of the variance of the cell's colour that the split into dark and bright explains, in (0, 1].
    coherence : float
        Share of the dark pixels that the lobes hold, in [0, 1].
    lobes : int
        Number of lobes, 0 or more.
    ratio : float
        Area as a share of the cell's, in [0, 1].
    """

    mask: BoolMask
    explained: float
    coherence: float
    lobes: int
    ratio: float

    @property
    def rejection(self) -> str | None:
        """Why it is no nucleus, in a few words; None where it is one."""
        if self.explained <= ONE_POPULATION:
            return "even cell"
        if self.coherence < MIN_COHERENCE or self.lobes > MAX_LOBES:
            return "scattered"
        return None if PLAUSIBLE_RATIO[0] < self.ratio < PLAUSIBLE_RATIO[1] else "implausible ratio"


def nucleus_mask(image: npt.NDArray[np.uint8], mask: BoolMask) -> BoolMask | None:
    """The nucleus: what is dark in green and less so in blue inside the cell, one lobe or several, without holes.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell.

    Returns
    -------
    ndarray of bool, shape (height, width), or None
        Inside `mask`. None where no plausible nucleus is found, as in an empty or a flat cell: see
        `Candidate.rejection`.
    """
    found = nucleus_candidate(image, mask)
    return found.mask if found is not None and found.rejection is None else None


def nucleus_candidate(image: npt.NDArray[np.uint8], mask: BoolMask) -> Candidate | None:
    """What might be the nucleus of a cell, plausible or not.

    Three times green minus blue is split in two inside the cell by Otsu's threshold: chromatin absorbs green and lets
    blue through, the granules of an eosinophil absorb both. The dark part is opened with a radius of 2 px; of its
    8-connected components those are kept that have at least `MIN_LOBE` of the largest's area, and filled. The result
    turns with the image, pixel for pixel.

    On the cells of Zheng et al. 2018, whose masks experts drew, its mean Dice with a missing nucleus counted as 0 is
    0.93 for the 300 cells of Dataset 1, which has a stain of its own, and 0.96 for the 100 of Dataset 2; the tests
    print both.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell.

    Returns
    -------
    Candidate or None
        None where the cell is empty or flat.

    References
    ----------
    Zheng, Wang, Wang and Liu 2018, Micron 107:55-71 (the cells).
    """
    window = bounds(mask)
    cell = mask[window]
    crop = image[window].astype(np.int16)
    passed = 3 * crop[..., 1] - crop[..., 2] + 255  # never below 0
    split = otsu(passed[cell])
    if split is None:
        return None
    threshold, explained = split
    dark = cell & (passed <= threshold)
    opened = cv2.morphologyEx(
        dark.astype(np.uint8), cv2.MORPH_OPEN, _DISC, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    labels, areas = components(opened > 0)
    kept = areas >= MIN_LOBE * areas.max(initial=0)
    lobes = np.concatenate([[False], kept])[labels]
    placed = np.zeros_like(mask)
    placed[window] = fill_holes(lobes) & cell
    return Candidate(
        mask=placed,
        explained=explained,
        coherence=float(areas[kept].sum() / np.count_nonzero(dark)),
        lobes=int(np.count_nonzero(kept)),
        ratio=float(np.count_nonzero(placed) / np.count_nonzero(cell)),
    )
