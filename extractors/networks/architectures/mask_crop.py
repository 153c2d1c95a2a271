"""Crop of a cell to its mask: the image transform of the small network."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.cells import Cell, UInt8Image
from extractors.preparation.geometry import Crop, PadSquare
from extractors.preparation.step import Picture


@dataclass(frozen=True)
class MaskCrop:
    """Bounding box of the mask, centred on a black square and resized.

    The aspect ratio is preserved, and pixels of the box outside the mask stay. Shrinking averages over pixel areas,
    enlarging interpolates linearly.

    Parameters
    ----------
    side : int
        Side of the output in pixels.
    """

    side: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output in pixels."""
        return self.side, self.side

    @property
    def fill(self) -> tuple[int, int, int]:
        """Padding colour: black."""
        return 0, 0, 0

    def __call__(self, cell: Cell) -> UInt8Image:
        """Transform a cell: uint8, shape (side, side, 3).

        Raises
        ------
        ValueError
            The mask is empty.
        """
        return self._resized(self._square(cell).image)

    def mask(self, cell: Cell) -> BoolArray:
        """Transform the mask of a cell: bool, shape (side, side), True where the cell covers half a pixel or more.

        Raises
        ------
        ValueError
            The mask is empty.
        """
        coverage = self._resized(np.where(self._square(cell).mask, np.uint8(255), np.uint8(0)))
        return np.asarray(coverage > 127)

    @staticmethod
    def _square(cell: Cell) -> Picture:
        if not cell.mask.any():
            raise ValueError(f"cell {cell.id}: its mask is empty, so a network has no input")
        return PadSquare()(Crop()(Picture(cell.image, cell.mask)))

    def _resized(self, square: UInt8Array) -> UInt8Array:
        interpolation = cv2.INTER_AREA if len(square) > self.side else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(square, self.size, interpolation=interpolation), dtype=np.uint8)
