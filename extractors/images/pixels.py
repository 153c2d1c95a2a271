"""Images as RGB of 8 bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from extractors.arrays import UInt8Array
from extractors.images.decoding import decode
from extractors.images.raster import Raster

_WHITE_16 = 65535


@dataclass(frozen=True)
class ReadImage:
    """An image and what was done to read it.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    peak : int
        Largest value of a 16-bit image without the brightest 0.1 %; 0 for other depths.
    transparent : int
        Number of pixels that are black because they are less than half opaque.
    orientation : int
        Value of the orientation tag, which was applied; 1 without one.
    lossy : bool
        Whether the file is compressed as JPEG, so that black is not exactly 0.
    kind : str
        Format and mode of the file, such as `PNG RGB`.
    """

    image: UInt8Array
    peak: int
    transparent: int
    orientation: int
    lossy: bool
    kind: str


def read_image(path: Path, *, white_level: int | None = None) -> UInt8Array:
    """Read an image as RGB uint8, shape (height, width, 3); see `load_image`."""
    return load_image(path, white_level=white_level).image


def load_image(path: Path, *, white_level: int | None = None, sha256: str | None = None) -> ReadImage:
    """Read an image as RGB uint8.

    Values above 8 bits are scaled so that white becomes 255; grey is replicated. Pixels that are less than half
    opaque are black, whatever colour is stored there; the colours of the others are taken as they are.

    Parameters
    ----------
    path : Path
        BMP, PNG, JPEG or TIFF.
    white_level : int, optional
        Value of a 16-bit image that becomes 255. Default: 65535. Images of 9 to 15 bits have their own white.
    sha256 : str, optional
        Expected digest of the file.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        As for `extractors.images.decoding.decode`, or the image is transparent everywhere.
    """
    raster = decode(path, sha256=sha256)
    image = _rgb(raster, white_level)
    hidden = raster.hidden
    if hidden is not None:
        if hidden.all():
            raise ValueError(f"{path}: the image is transparent everywhere; save it without its alpha channel")
        image[hidden] = 0
    # Some hot pixels of a camera do not show that an image uses all bits.
    peak = int(np.percentile(raster.samples, 99.9, method="higher")) if raster.white == _WHITE_16 else 0
    n_hidden = 0 if hidden is None else int(np.count_nonzero(hidden))
    return ReadImage(image, peak, n_hidden, raster.orientation, raster.lossy, raster.kind)


def _rgb(raster: Raster, white_level: int | None) -> UInt8Array:
    samples = raster.samples
    if samples.dtype == np.uint16:
        white = white_level if white_level and raster.white == _WHITE_16 else raster.white
        scaled = samples.astype(np.float32) * (255.0 / white)
        samples = np.rint(np.minimum(scaled, 255.0)).astype(np.uint8)
    return np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
