"""The mask of a cell that lies on a black frame, and that of its nucleus."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

BoolMask = npt.NDArray[np.bool_]

LOSSY_MARGIN = 16
"""How far above the border's median a pixel of a JPEG must lie to be foreground, of 255.

JPEG rings around the cell: on real cells at quality 90, 99 % of the background lies below 4 and all of it below 21,
while the cell's rim lies at 50. The margin stands between, and errs little either way: see the test of the mask area.
"""

DARKEST_WHITE = 32
"""A border of a JPEG that is this bright is no longer black."""

ONE_POPULATION = 2 / np.pi
"""Share of the variance that a threshold at the mean explains of one normal population."""

MIN_NUCLEUS = 0.2
"""Smallest share of the cell that passes for a nucleus."""

MIN_COHERENCE = 0.5
"""Smallest share of the dark pixels that the nucleus, in one piece, must hold."""

# OpenCV's own ellipse of this size is not the same after a quarter turn.
_DISC = (np.add.outer(np.arange(-2, 3) ** 2, np.arange(-2, 3) ** 2) <= 5).astype(np.uint8)


def foreground_mask(image: npt.NDArray[np.uint8], *, lossy: bool = False) -> BoolMask:
    """Foreground of a black-background image: its largest 8-connected component, holes filled, loose debris dropped.

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
        All False where the image is black throughout.

    Raises
    ------
    ValueError
        The frame is not black: more than half of its border lies above the threshold.
    """
    brightest = cv2.max(cv2.max(image[..., 0], image[..., 1]), image[..., 2])
    border = np.concatenate([brightest[0], brightest[-1], brightest[:, 0], brightest[:, -1]])
    threshold = int(np.median(border)) + LOSSY_MARGIN if lossy else 0
    if threshold > DARKEST_WHITE or np.mean(border > threshold) > 0.5:
        raise ValueError(
            "the frame around the cell is not black, so the cell cannot be told from it; "
            "give masks with --mask FOLDER, or take the whole frame as the cell with --mask whole"
        )
    largest, _ = _largest_component(brightest > threshold)
    return fill_holes(largest)


def nucleus_mask(image: npt.NDArray[np.uint8], mask: BoolMask) -> BoolMask | None:
    """The nucleus: what is dark in green inside the cell, in one piece and without holes.

    Green inside the cell is split in two by Otsu's threshold; the dark part is opened with a radius of 2 px, its
    largest component kept and filled. The result is refused where it is no nucleus but a piece of an even cell:

    - the split explains no more of green's variance than it would of one normal population (2 / pi);
    - the component holds less than half of the dark pixels, or less than a fifth of the cell, or all of it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        The cell.

    Returns
    -------
    ndarray of bool, shape (height, width), or None
        Inside `mask`. None where no plausible nucleus is found, as in an empty or a flat cell.
    """
    green = np.ascontiguousarray(image[..., 1])
    split = otsu(green[mask])
    if split is None or split[1] <= ONE_POPULATION:
        return None
    dark = mask & (green <= split[0])
    opened = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, _DISC)
    largest, pixels = _largest_component(opened > 0)
    nucleus = fill_holes(largest) & mask
    share = np.count_nonzero(nucleus) / np.count_nonzero(mask)
    plausible = MIN_NUCLEUS <= share < 1 and pixels >= MIN_COHERENCE * np.count_nonzero(dark)
    return nucleus if plausible else None


def otsu(values: npt.NDArray[np.uint8]) -> tuple[int, float] | None:
    """Otsu's threshold, and the share of the variance that it explains.

    Parameters
    ----------
    values : ndarray of uint8, shape (n,)

    Returns
    -------
    threshold : int
        Values up to and including it are one class; the smallest of those that do equally well.
    explained : float
        Variance between the classes over the total, in (0, 1]: Otsu's eta.

    None is returned where the values do not vary.
    """
    if not len(values) or values.min() == values.max():
        return None
    share = np.bincount(values, minlength=256) / len(values)
    levels = np.arange(256)
    mean = float(share @ levels)
    below = np.cumsum(share)[:-1]
    moment = np.cumsum(share * levels)[:-1]
    weight = below * (1 - below)
    possible = np.flatnonzero((share[:-1].cumsum() > 0) & (weight > 1e-12))
    between = (mean * below - moment)[possible] ** 2 / weight[possible]
    best = int(np.argmax(between))
    return int(possible[best]), float(between[best] / (share @ (levels - mean) ** 2))


def fill_holes(mask: BoolMask) -> BoolMask:
    """The mask with every background region that does not reach the frame (through 4-connected pixels) filled."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])


def _largest_component(mask: BoolMask) -> tuple[BoolMask, int]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return np.zeros_like(mask), 0
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest), int(stats[largest, cv2.CC_STAT_AREA])
