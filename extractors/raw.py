"""Pixels of the resized image as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from extractors.arrays import UInt8Array
from extractors.frame_features import FrameFeatures, grey, resized
from extractors.handcrafted.framework.channels import RGB
from extractors.handcrafted.framework.feature import ANY, Column, Feature
from extractors.handcrafted.framework.parameters import validated_integer

LARGEST = 256
"""Largest side of the resized image: 196,608 features in colour."""

PIXEL = Feature("pixel", "value of the resized channel / 255", "1", "[0, 1]", "Rec. 601 for grey", ANY)


@dataclass(eq=False, repr=False, kw_only=True)
class Raw(FrameFeatures):
    """Pixels / 255 of the image, resized to a square and flattened by row, column and channel.

    The full frame is used as it is, with its background; `--prepare` crops it, or sets the background to black.

    Parameters
    ----------
    size : int
        Side of the resized image in pixels, 1 to `LARGEST`: `size`^2 features, three times as many in colour.
    grey : bool
        Rec. 601 luma, 0.299 R + 0.587 G + 0.114 B, in place of red, green and blue.
    """

    size: int = 64
    grey: bool = False

    def catalogue(self) -> list[Column]:
        """Formula, unit, range and source of each column, in order: `raw.r003c010.red` is row 3, column 10."""
        side = range(validated_integer("size", self.size, 1, LARGEST))
        if not isinstance(self.grey, bool):
            raise ValueError(f"grey={self.grey!r}: expected true or false")
        channels = ("grey",) if self.grey else RGB
        return [Column(f"raw.r{r:03d}c{c:03d}.{channel}", PIXEL) for r in side for c in side for channel in channels]

    def _values(self, image: UInt8Array) -> npt.NDArray[np.floating[Any]]:
        pixels = resized(image, self.size)
        return np.asarray((grey(pixels) if self.grey else pixels).reshape(-1) / 255)
