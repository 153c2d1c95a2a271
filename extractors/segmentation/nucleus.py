"""Nucleus segmentation: the lobes that absorb green more than blue."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.segmentation.bounds import bounds
from extractors.segmentation.components import components, disc, fill_holes
from extractors.segmentation.otsu import ONE_POPULATION, otsu

MIN_LOBE = 0.2
"""Smallest area of a lobe as a share of the largest one."""

MAX_LOBES = 6
"""Largest number of lobes: five in a nucleus, six in a hypersegmented one; more components are granules."""

MIN_COHERENCE = 0.5
"""Smallest share of the dark pixels inside the lobes."""

PLAUSIBLE_RATIO = (0.2, 1.0)
"""Open interval of the area of a nucleus as a share of the area of its cell."""

_DISC = disc(2)


@dataclass(frozen=True, eq=False)
class Candidate:
    """Candidate for the nucleus of a cell, with the criteria for accepting it.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        The lobes with their holes filled, inside the cell.
    explained : float
        Share of the variance of the colour in the cell explained by the split into dark and bright, in (0, 1].
    coherence : float
        Share of the dark pixels inside the lobes, in [0, 1].
    lobes : int
        Number of lobes, at least 0.
    ratio : float
        Area as a share of the area of the cell, in [0, 1].
    """

    mask: BoolArray
    explained: float
    coherence: float
    lobes: int
    ratio: float

    @property
    def rejection(self) -> str | None:
        """Reason why the candidate is rejected; None if it is accepted."""
        if self.explained <= ONE_POPULATION:
            return "even cell"
        if self.coherence < MIN_COHERENCE or self.lobes > MAX_LOBES:
            return "scattered"
        return None if PLAUSIBLE_RATIO[0] < self.ratio < PLAUSIBLE_RATIO[1] else "implausible ratio"


def nucleus_mask(image: UInt8Array, mask: BoolArray) -> BoolArray | None:
    """Segment the nucleus: the lobes that are dark in green and less dark in blue, without holes.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell.

    Returns
    -------
    ndarray of bool, shape (height, width), or None
        Inside `mask`. None without a plausible nucleus, as in an empty or constant cell; see `Candidate.rejection`.
    """
    candidate = nucleus_candidate(image, mask)
    return candidate.mask if candidate is not None and candidate.rejection is None else None


def nucleus_candidate(image: UInt8Array, mask: BoolArray) -> Candidate | None:
    """Segment a candidate for the nucleus of a cell, plausible or not.

    Three times green minus blue is split inside the cell by Otsu's threshold: chromatin absorbs green and transmits
    blue, the granules of an eosinophil absorb both. The dark part is opened with a radius of 2 px; of its 8-connected
    components, those with at least `MIN_LOBE` of the largest area are retained, and their holes filled. The result is
    exactly equivariant under quarter turns and flips.

    On the cells of Zheng et al. 2018 with expert masks, the mean Dice coefficient, with 0 for a missing nucleus, is
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
        None if the cell is empty or constant.

    References
    ----------
    Zheng, Wang, Wang and Liu 2018, Micron 107:55-71 (the cells).
    """
    window = bounds(mask)
    cell = mask[window]
    crop = image[window].astype(np.int16)
    levels = 3 * crop[..., 1] - crop[..., 2] + 255  # not negative
    split = otsu(levels[cell])
    if split is None:
        return None
    threshold, explained = split
    dark = cell & (levels <= threshold)
    opened = cv2.morphologyEx(
        dark.astype(np.uint8), cv2.MORPH_OPEN, _DISC, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    labels, areas = components(opened > 0)
    is_lobe = areas >= MIN_LOBE * areas.max(initial=0)
    lobes = np.concatenate([[False], is_lobe])[labels]
    nucleus = np.zeros_like(mask)
    nucleus[window] = fill_holes(lobes) & cell
    return Candidate(
        mask=nucleus,
        explained=explained,
        coherence=float(areas[is_lobe].sum() / np.count_nonzero(dark)),
        lobes=int(np.count_nonzero(is_lobe)),
        ratio=float(np.count_nonzero(nucleus) / np.count_nonzero(cell)),
    )
