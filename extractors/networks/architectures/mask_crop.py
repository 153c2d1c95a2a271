"""Crop of a cell to its mask: the image transform of the small network."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from extractors.cells import Cell, UInt8Image
from extractors.networks.backbones.image_transform import Channels


@dataclass(frozen=True)
class MaskCrop:
    """Bounding box of the mask, centred on a black square and resized; an `ImageTransform`.

    The aspect ratio is preserved, and pixels of the box outside the mask stay. Shrinking averages over pixel areas,
    enlarging interpolates linearly.

    Parameters
    ----------
    side : int
        Side of the output in pixels.
    mean, std : tuple of 3 floats
        Channel statistics on the scale 0 to 1.
    """

    side: int
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output in pixels."""
        return self.side, self.side

    def __call__(self, cell: Cell) -> UInt8Image:
        """Transform a cell: uint8, shape (side, side, 3).

        Raises
        ------
        ValueError
            The mask is empty.
        """
        image, mask = cell.image, cell.mask
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size == 0:
            raise ValueError(f"cell {cell.id}: its mask is empty, so a network has no input")
        box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = box.shape[:2]
        longest = max(height, width)
        top, left = (longest - height) // 2, (longest - width) // 2
        square = np.zeros((longest, longest, 3), dtype=np.uint8)
        square[top : top + height, left : left + width] = box
        interpolation = cv2.INTER_AREA if longest > self.side else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(square, self.size, interpolation=interpolation), dtype=np.uint8)
