"""Steps that choose the frame: the cell's box, a square around the centre, a square by padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from extractors.preparation.step import Picture, StepBase, number
from extractors.segmentation.bounds import bounds

MAX_SIDE = 8192
"""Largest width and height that a step makes, px."""


@dataclass(frozen=True)
class Crop(StepBase):
    """The smallest box that holds the cell.

    Parameters
    ----------
    margin : int
        Pixels that are kept around the box, as far as the image reaches: nothing is padded.
    """

    name: ClassVar[str] = "crop"
    margin: int = number(0, low=0, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        box = (slice(max(0, part.start - self.margin), part.stop + self.margin) for part in bounds(picture.mask))
        rows, columns = box
        return _cut(picture, rows, columns)


@dataclass(frozen=True)
class CentreCrop(StepBase):
    """A square of a fixed side around the centre of the image, wherever in it the cell lies.

    Where the rest is odd, the half pixel goes to the right and to the bottom. A nucleus that lies outside the square
    is left empty.

    Parameters
    ----------
    size : int
        Side in pixels. A smaller image is an error, since padding would be a step that nobody asked for:
        `pad_square[size=300]+centre_crop[size=300]` asks for it.
    """

    name: ClassVar[str] = "centre_crop"
    size: int = number(300, low=1, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        height, width = picture.mask.shape
        if min(height, width) < self.size:
            raise ValueError(
                f"the image is {height} x {width} px (height x width), less than {self.size}; choose a smaller size, "
                f"or pad it before: pad_square[size={self.size}]"
            )
        top, left = (height - self.size) // 2, (width - self.size) // 2
        return _cut(picture, slice(top, top + self.size), slice(left, left + self.size))


@dataclass(frozen=True)
class PadSquare(StepBase):
    """Black on the short sides until the image is a square, its content in the middle.

    Where the rest is odd, the half pixel goes to the left and to the top, so that `centre_crop` takes the same back.

    Parameters
    ----------
    size : int
        The side is at least so many pixels; 0: the longer side of the image.
    """

    name: ClassVar[str] = "pad_square"
    size: int = number(0, low=0, high=MAX_SIDE)

    def _apply(self, picture: Picture) -> Picture:
        height, width = picture.mask.shape
        side = max(height, width, self.size)
        if side > MAX_SIDE:
            raise ValueError(f"the image is {height} x {width} px (height x width); squares go up to {MAX_SIDE} px")
        top, left = (side - height) // 2, (side - width) // 2
        edges = (top, side - height - top, left, side - width - left)
        return Picture(
            np.asarray(cv2.copyMakeBorder(picture.image, *edges, cv2.BORDER_CONSTANT, value=0), dtype=np.uint8),
            _padded(picture.mask, edges),
            None if picture.nucleus is None else _padded(picture.nucleus, edges),
        )


def _cut(picture: Picture, rows: slice, columns: slice) -> Picture:
    """Copies, so that the whole image need not stay in memory."""
    nucleus = None if picture.nucleus is None else picture.nucleus[rows, columns].copy()
    return Picture(picture.image[rows, columns].copy(), picture.mask[rows, columns].copy(), nucleus)


def _padded(mask: npt.NDArray[np.bool_], edges: tuple[int, int, int, int]) -> npt.NDArray[np.bool_]:
    top, bottom, left, right = edges
    return np.pad(mask, ((top, bottom), (left, right)))
