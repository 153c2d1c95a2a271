"""The image transform of a network, applied to a square in the centre of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray
from extractors.cells import Cell, UInt8Image
from extractors.networks.backbones.resize_crop import ResizeCrop


@dataclass(frozen=True)
class CentreSquare:
    """Resize a square in the centre of the frame.

    A smaller frame is padded with black to the side of the square.

    Parameters
    ----------
    frame : ResizeCrop
        Transform of the square.
    side : int
        Side of the square in pixels of the cell's image.
    """

    frame: ResizeCrop
    side: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output in pixels."""
        return self.frame.size

    @property
    def fill(self) -> tuple[int, int, int]:
        """Padding colour, RGB from 0 to 255."""
        return self.frame.fill

    def __call__(self, cell: Cell) -> UInt8Image:
        """Transform the image of a cell: uint8, shape (*size, 3); errors as `ResizeCrop.apply`."""
        return self.frame.apply(self._square(cell.image))

    def mask(self, cell: Cell) -> BoolArray:
        """Transform the mask of a cell by nearest neighbours: bool, shape `size`, False in padding."""
        return self.frame.mask(Cell(cell.id, self._square(cell.image), self._square(cell.mask)))

    def _square(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Pad an image or a mask to the side of the square, and cut the square out; both are centred."""
        missing = [max(0, self.side - length) for length in part.shape[:2]]
        edges = [(one // 2, one - one // 2) for one in missing]
        padded = np.pad(part, [*edges, *[(0, 0)] * (part.ndim - 2)])
        top, left = ((length - self.side) // 2 for length in padded.shape[:2])
        return np.ascontiguousarray(padded[top : top + self.side, left : left + self.side])
