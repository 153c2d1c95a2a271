"""Base class of preparation steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, UInt8Array
from extractors.component import Component
from extractors.segmentation.bounds import bounds

STRIP = 2 * 1024 * 1024
"""Pixels per strip: more than almost all cells have, and 24 MB in three channels of float32."""


class Picture(NamedTuple):
    """Image and masks of a cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width)
        True on the cell.
    nucleus : ndarray of bool, shape (height, width), or None
        User mask of the nucleus, if any.
    """

    image: UInt8Array
    mask: BoolArray
    nucleus: BoolArray | None = None

    def mapped(self, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Picture:
        """Apply a change of the frame to the image and the masks."""
        return Picture(change(self.image), change(self.mask), None if self.nucleus is None else change(self.nucleus))


@dataclass(frozen=True)
class Step(Component, ABC):
    """Base class of the steps: a component that checks that the cell is not empty before and after."""

    def __call__(self, picture: Picture) -> Picture:
        """Apply the step; the input is not modified.

        Raises
        ------
        ValueError
            The step cannot be applied to this picture, or no pixel of the cell is left.
        """
        if not picture.mask.any():
            raise ValueError("the mask is empty: there is no cell to prepare")
        prepared = self._apply(picture)
        if not prepared.mask.any():
            raise ValueError("no pixel of the cell is left; crop to the cell first, exclude the cell or omit the step")
        return prepared

    @property
    def is_identity(self) -> bool:
        """Whether the step leaves every picture unchanged."""
        return False

    @abstractmethod
    def _apply(self, picture: Picture) -> Picture:
        """Apply the step to a picture with a cell."""


class RecolourStep(Step):
    """A step that changes the colours of the cell and neither looks at the background nor changes it."""

    def _apply(self, picture: Picture) -> Picture:
        image, box = picture.image.copy(), bounds(picture.mask)
        self._recolour(image[box], picture.mask[box])
        return replace_cell_pixels(picture, image)

    @abstractmethod
    def _recolour(self, image: UInt8Array, mask: BoolArray) -> None:
        """Change the colours of `image`, the bounding box of the cell, in place."""


def replace_cell_pixels(picture: Picture, image: UInt8Array) -> Picture:
    """Replace the pixels of the cell by those of `image`; the background is unchanged."""
    # A tenth of the time of numpy.where.
    return picture._replace(image=np.asarray(cv2.copyTo(image, picture.mask.view(np.uint8), picture.image.copy())))


def row_strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Split an image into strips of rows, which bounds the memory for floating-point intermediates.

    Parameters
    ----------
    shape : tuple of int
        Height and width in pixels; up to `STRIP` pixels are one strip.
    """
    height, width = shape[:2]
    rows = max(1, STRIP // width)
    return (slice(top, min(height, top + rows)) for top in range(0, height, rows))
