"""Decoded samples of an image file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray

MAX_PIXELS = 16 * 1024 * 1024
"""Size limit of an image in pixels: 4096 x 4096."""

MAX_BYTES = 256 * 1024 * 1024
"""Size limit of an image file; 16-bit RGBA of `MAX_PIXELS` has half of it."""

Samples = npt.NDArray[Any]


@dataclass(frozen=True)
class Raster:
    """Samples of an image, upright.

    Parameters
    ----------
    samples : ndarray of uint8 or uint16, shape (height, width) or (height, width, 3)
        Grey or RGB. 0 is black.
    white : int
        Sample value of white: 255, 65535, or less for TIFF files of 9 to 15 bits.
    alpha : ndarray, shape (height, width), or None
        Opacity, of the type of `samples`, 0 to `white`; colours are not multiplied by it. None for an opaque image.
    lossy : bool
        Whether the samples were compressed as JPEG, so that black is not exactly 0.
    orientation : int
        Value of the orientation tag, which was applied; 1 without one.
    kind : str
        Format and mode of the file, such as `PNG RGB`.
    """

    samples: Samples
    white: int
    alpha: Samples | None = None
    lossy: bool = False
    orientation: int = 1
    kind: str = ""

    @property
    def hidden(self) -> BoolArray | None:
        """Pixels that are less than half opaque."""
        return None if self.alpha is None else np.asarray(self.alpha <= self.white // 2)


def check_size(width: int, height: int) -> None:
    """Raise ValueError for an image without pixels or with more than `MAX_PIXELS`."""
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels; a cell has at least one and at most {MAX_PIXELS}")


def upright(samples: Samples, orientation: int) -> Samples:
    """Apply the orientation of EXIF and TIFF.

    Parameters
    ----------
    samples : ndarray, shape (height, width, ...)
        As stored.
    orientation : int
        Value of the tag 274: 2 mirrors left and right, 3 is a half turn, 4 mirrors top and bottom, 5 to 8 exchange rows
        and columns. Other values leave the samples as they are.
    """
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    down = orientation in (3, 4, 7, 8)
    across = orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(samples[:: -1 if down else 1, :: -1 if across else 1])
