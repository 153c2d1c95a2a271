"""Preparation steps that change the frame: crop, centre crop and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from extractors.arrays import BoolArray
from extractors.preparation.step import Picture, StepBase, number_field
from extractors.segmentation.bounds import bounds

MAX_SIDE = 8192
"""Largest width and height of a result, px."""


@dataclass(frozen=True)
class Crop(StepBase):
    """Crop to the bounding box of the cell.

    Parameters
    ----------
    margin : int
        Margin around the box in pixels, limited by the image; nothing is padded.
    """

    name: ClassVar[str] = "crop"
    margin: int = number_field(0, low=0, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        box = (slice(max(0, part.start - self.margin), part.stop + self.margin) for part in bounds(picture.mask))
        rows, columns = box
        return _crop(picture, rows, columns)


@dataclass(frozen=True)
class CentreCrop(StepBase):
    """Crop to a square of a fixed side around the centre of the image, independent of the position of the cell.

    If the remainder is odd, the extra pixel is removed at the right and bottom. A nucleus outside the square becomes
    empty.

    Parameters
    ----------
    size : int
        Side in pixels. A smaller image is an error; `pad_square[size=300]+centre_crop[size=300]` pads it.
    """

    name: ClassVar[str] = "centre_crop"
    size: int = number_field(300, low=1, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        height, width = picture.mask.shape
        if min(height, width) < self.size:
            raise ValueError(
                f"the image is {height} x {width} px (height x width), less than {self.size}; choose a smaller size, "
                f"or pad it first: pad_square[size={self.size}]"
            )
        top, left = (height - self.size) // 2, (width - self.size) // 2
        return _crop(picture, slice(top, top + self.size), slice(left, left + self.size))


@dataclass(frozen=True)
class PadSquare(StepBase):
    """Pad with black to a square, with the content centred.

    If the remainder is odd, the extra pixel is added at the right and bottom, so that `centre_crop` is the inverse.

    Parameters
    ----------
    size : int
        Smallest side in pixels; 0: the longer side of the image.
    """

    name: ClassVar[str] = "pad_square"
    size: int = number_field(0, low=0, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        height, width = picture.mask.shape
        side = max(height, width, self.size)
        if side > MAX_SIDE:
            raise ValueError(
                f"the image is {height} x {width} px (height x width); the largest square is {MAX_SIDE} px"
            )
        top, left = (side - height) // 2, (side - width) // 2
        edges = (top, side - height - top, left, side - width - left)
        return Picture(
            np.asarray(cv2.copyMakeBorder(picture.image, *edges, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8),
            _padded(picture.mask, edges),
            None if picture.nucleus is None else _padded(picture.nucleus, edges),
        )


def _crop(picture: Picture, rows: slice, columns: slice) -> Picture:
    """Crop with copies, so that the full image can be freed."""
    nucleus = None if picture.nucleus is None else picture.nucleus[rows, columns].copy()
    return Picture(picture.image[rows, columns].copy(), picture.mask[rows, columns].copy(), nucleus)


def _padded(mask: BoolArray, edges: tuple[int, int, int, int]) -> BoolArray:
    top, bottom, left, right = edges
    return np.pad(mask, ((top, bottom), (left, right)))
