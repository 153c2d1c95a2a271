"""Preparation steps that change the frame: crop, centre crop and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from extractors.component import number_field
from extractors.preparation.step import Picture, Step
from extractors.segmentation.bounds import bounds

MAX_SIDE = 8192
"""Largest width and height of a result, px."""


@dataclass(frozen=True)
class Crop(Step):
    """Crop to the bounding box of the cell.

    Parameters
    ----------
    margin : int
        Margin around the box in pixels, limited by the image; nothing is padded.
    """

    name: ClassVar[str] = "crop"
    margin: int = number_field(0, low=0, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        box = bounds(picture.mask)
        return _crop(picture, tuple(slice(max(0, s.start - self.margin), s.stop + self.margin) for s in box))


@dataclass(frozen=True)
class CentreCrop(Step):
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
        return _crop(picture, (slice(top, top + self.size), slice(left, left + self.size)))


@dataclass(frozen=True)
class PadSquare(Step):
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
        edges = ((top, side - height - top), (left, side - width - left), (0, 0))
        return picture.mapped(lambda part: np.pad(part, edges[: part.ndim]))


def _crop(picture: Picture, box: tuple[slice, ...]) -> Picture:
    """Crop with copies, so that the full image can be freed."""
    return picture.mapped(lambda part: part[box].copy())
