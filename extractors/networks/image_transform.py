"""Interface of image transforms: from a cell to the input image of a network."""

from __future__ import annotations

from typing import Protocol

from extractors.arrays import BoolArray
from extractors.cells import Cell, UInt8Image


class ImageTransform(Protocol):
    """Transform of a cell; hashable, and equal transforms give equal pixels."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output in pixels."""

    @property
    def fill(self) -> tuple[int, int, int]:
        """Padding colour, RGB from 0 to 255."""

    def __call__(self, cell: Cell) -> UInt8Image:
        """Transform the image: uint8, shape (*size, 3)."""

    def mask(self, cell: Cell) -> BoolArray:
        """Transform the mask with the geometry of the image: bool, shape `size`."""

    def __hash__(self) -> int: ...
