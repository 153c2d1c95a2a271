"""Interface of the transforms from a cell to the input image of a network."""

from __future__ import annotations

from typing import Protocol

from extractors.cells import Cell, UInt8Image


class ImageTransform(Protocol):
    """Crop and resize of a cell to the input size of a network, the same in training and inference.

    Implementations are hashable values: equal transforms give equal pixels.
    """

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output in pixels."""

    def __call__(self, cell: Cell) -> UInt8Image:
        """Transform a cell.

        Parameters
        ----------
        cell : Cell

        Returns
        -------
        ndarray of uint8, shape (*size, 3)
            RGB; may be read-only.

        Raises
        ------
        OSError, ValueError
            The cell cannot be read or transformed.
        """
