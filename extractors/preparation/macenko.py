"""The step that gives the two stains of every cell one colour and one strength (Macenko)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from extractors.preparation.step import Picture, StepBase, replace_cell_pixels, row_strips
from extractors.segmentation.bounds import bounds

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

WHITE = 240.0
"""Intensity of unstained light, plus one."""

REFERENCE_STAINS = np.array([[0.5626, 0.2159], [0.7201, 0.8012], [0.4062, 0.5581]])
"""Optical density in red, green and blue (rows) of haematoxylin and of eosin (columns)."""

REFERENCE_STRENGTH = np.array([1.9705, 1.0308])
"""The 99th percentile of the concentration of each."""

UNSTAINED = 0.15
"""Pixels with an optical density below it in any channel tell nothing of the stains."""

PERCENTILE = 1.0
"""Share in percent of the angles that is left out at either end."""

SAME_DIRECTION = 0.01
"""Angle in radians between two stains that cannot be told apart; a grey level turns a pixel of middle density by it."""

_LEAVE_OUT = "leave out the cell or the step"

_DENSITY = -np.log((np.arange(256) + 1) / WHITE).astype(np.float32)
_PALEST = int(np.flatnonzero(_DENSITY >= UNSTAINED)[-1])


@dataclass(frozen=True)
class Macenko(StepBase):
    """Stain normalisation to a fixed reference: the cell's two stains become haematoxylin and eosin of one strength.

    Optical density is -ln((I + 1) / 240). The stains are the directions of the 1st and of the 99th percentile of the
    angles in the plane of the two largest singular values of the densities (not centred) of those pixels of the cell
    that are stained in every channel. The concentrations of every pixel are scaled so that their 99th percentiles are
    the reference's. What lies outside the plane is dropped; results outside 0..255 are clipped. The background stays as
    it is and has no part.

    The reference is that of H&E slides: cells of another stain change their colours, too. The stain with more green
    density becomes eosin, which in Giemsa smears is the purple of the nucleus. The authors' program has haematoxylin
    for the one with more red, which is the same on H&E, but in smears lets nucleus and cytoplasm change places from
    cell to cell: the nucleus is eosin in 271 of the 400 cells of Zheng et al. 2018, Micron 107:55-71; by the green in
    387. `bench data show` draws what becomes of cells.

    Raises
    ------
    ValueError
        No pixel of the cell is stained in every channel, or all are of one colour, so that there are no two stains.

    References
    ----------
    Macenko, Niethammer, Marron, Borland, Woosley, Guan, Schmitt, Thomas 2009, IEEE International Symposium on
    Biomedical Imaging, 1107-1110. Reference stains and strengths are those of the authors' own program, which most
    later ones use.
    """

    name: ClassVar[str] = "macenko"

    def _apply(self, picture: Picture) -> Picture:
        box = bounds(picture.mask)
        image = picture.image.copy()
        part, mask = image[box], picture.mask[box]
        apart = np.asarray(np.linalg.pinv(stain_directions(part, mask)), dtype=np.float64)
        strength = _strengths(part, mask, apart)
        if strength.min() <= 0:
            raise ValueError(f"one of its two stains is nowhere to be found, so it has no strength; {_LEAVE_OUT}")
        change = REFERENCE_STAINS * (REFERENCE_STRENGTH / strength) @ apart
        for rows in row_strips(mask.shape):
            part[rows] = _stained(_densities(part[rows]), change)
        return replace_cell_pixels(picture, image)


def stain_directions(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> Doubles:
    """The two stains of a cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        True on the cell.

    Returns
    -------
    ndarray of float64, shape (3, 2)
        Directions of unit length in optical density; the second has more green.

    Raises
    ------
    ValueError
        No pixel is stained in every channel, or their colours have one direction.
    """
    squares = np.zeros((3, 3))
    for densities in _stained_densities(image, mask):
        squares += densities @ densities.T
    if not squares.any():
        raise ValueError(
            f"no pixel of the cell is stained (optical density of {UNSTAINED} in red, green and blue); {_LEAVE_OUT}"
        )
    plane = np.linalg.eigh(squares)[1][:, :0:-1]
    # All densities are positive, so the first axis can be turned to have an angle below 90 degrees with every one.
    plane = plane * np.where(plane.sum(axis=0) < 0, -1, 1)
    turned = (plane.T.astype(np.float32) @ densities for densities in _stained_densities(image, mask))
    angles = np.concatenate([np.arctan2(across, along) for along, across in turned])
    low, high = _percentile(angles, PERCENTILE), _percentile(angles, 100 - PERCENTILE)
    if high - low < SAME_DIRECTION:
        raise ValueError(f"all of the cell has one colour, so that two stains cannot be told apart; {_LEAVE_OUT}")
    stains = plane @ np.array([[np.cos(low), np.cos(high)], [np.sin(low), np.sin(high)]])
    return np.asarray(stains if stains[1, 0] < stains[1, 1] else stains[:, ::-1])


def _densities(image: npt.NDArray[np.uint8]) -> Floats:
    return np.asarray(cv2.LUT(image, _DENSITY[None]), dtype=np.float32)


def _stained_densities(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> Iterator[Floats]:
    """Densities of the cell's pixels that are stained in every channel, shape (3, n), by the strip."""
    for rows in row_strips(mask.shape):
        stained = cv2.inRange(image[rows], (0, 0, 0), (_PALEST,) * 3).view(np.bool_) & mask[rows]
        yield np.stack([_DENSITY[image[rows, :, channel][stained]] for channel in range(3)])


def _strengths(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], apart: Doubles) -> Doubles:
    """The 99th percentile of the concentration of each stain over the cell; `apart` tells them from densities."""
    amounts = [cv2.transform(_densities(image[rows]), apart)[mask[rows]] for rows in row_strips(mask.shape)]
    return np.array([_percentile(np.concatenate([part[:, stain] for part in amounts]), 99) for stain in range(2)])


def _percentile(values: Floats, percent: float) -> float:
    """As `numpy.percentile` has it, in a tenth of the time."""
    place = percent / 100 * (len(values) - 1)
    below = math.floor(place)
    ordered = np.partition(values, below)
    low, above = float(ordered[below]), ordered[below + 1 :]
    return low + (place - below) * (float(above.min()) - low) if len(above) else low


def _stained(densities: Floats, change: Doubles) -> npt.NDArray[np.uint8]:
    """RGB pixels whose densities are `change @ densities`, rounded and clipped to 0..255."""
    light = cv2.exp(cv2.transform(densities, -change))
    return np.asarray(cv2.convertScaleAbs(np.maximum(light * np.float32(WHITE) - 1, 0)), dtype=np.uint8)
