"""Resize and centre crop with the data configuration that the weights of a network were published with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
from PIL import Image
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from extractors.arrays import BoolArray, UInt8Array
from extractors.cells import Cell, UInt8Image

Resize = Literal["shorter", "exact", "cover", "contain"]

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]
Side = Annotated[int, Field(gt=0, le=2**14)]
Level = Annotated[int, Field(ge=0, le=255)]
Channels = tuple[FiniteFloat, FiniteFloat, FiniteFloat]

INTERPOLATIONS = {name: Image.Resampling[name.upper()] for name in get_args(Interpolation)}

MIN_SIDE = 8
"""Shortest accepted side in pixels; a network would see nothing but interpolation in smaller images."""

MAX_RESIZED_PIXELS = 2**26
"""Largest resized image in pixels before cropping: a strip of 8 x 100,000 would take gigabytes."""


@dataclass(frozen=True)
class ResizeCrop:
    """Resize and centre crop of the whole frame.

    The output equals that of timm's and torchvision's own evaluation transforms bit for bit.

    Parameters
    ----------
    size : tuple of int
        Height and width of the output in pixels.
    scaled : tuple of int
        Height and width of the resized image before the crop; see `resize`.
    resize : {"shorter", "exact", "cover", "contain"}
        `shorter`: the shorter side becomes `scaled[0]`, the longer side keeps the aspect ratio and is rounded down
        (torchvision). `exact`: both sides are set, whatever the aspect ratio. `cover` and `contain`: the smallest image
        of the same aspect ratio that covers `scaled`, and the largest that fits into it; rounded to nearest (timm).
    interpolation : str
        A key of `INTERPOLATIONS`.
    mean, std : tuple of 3 floats
        Channel statistics on the scale 0 to 1, applied before the network.
    fill : tuple of 3 int
        Padding colour, 0 to 255, of images smaller than `size`.
    """

    size: tuple[Side, Side]
    scaled: tuple[Side, Side]
    resize: Resize
    interpolation: Interpolation
    mean: Channels
    std: Channels
    fill: tuple[Level, Level, Level]

    def __call__(self, cell: Cell) -> UInt8Image:
        """Transform the image of a cell; see `apply`."""
        return self.apply(cell.image)

    def mask(self, cell: Cell) -> BoolArray:
        """Transform the mask of a cell by nearest neighbours: bool, shape `size`, False in padding.

        Raises
        ------
        ValueError
            As for `apply`, or the cell cannot be segmented.
        """
        nearest = replace(self, interpolation="nearest", fill=(0, 0, 0))
        mask = nearest.apply(np.repeat(cell.mask[..., None].astype(np.uint8), 3, axis=2))
        return np.asarray(mask[..., 0] > 0)

    def apply(self, image: UInt8Array) -> UInt8Array:
        """Transform an image.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)

        Returns
        -------
        ndarray of uint8, shape (*size, 3)
            Read-only.

        Raises
        ------
        ValueError
            A side is shorter than `MIN_SIDE`, or the resized image would exceed `MAX_RESIZED_PIXELS`.
        """
        height, width = image.shape[:2]
        if min(height, width) < MIN_SIDE:
            raise ValueError(
                f"an image of {width} x {height} pixels is too small for a network: "
                f"each side needs at least {MIN_SIDE} pixels"
            )
        new_height, new_width = self._resized_shape(height, width)
        # Pillow resizes rows or columns first, depending on the sizes, and rounds in between. In a square the crop and
        # the full image are resized in the same order.
        square = (height, new_height, self.size[0]) == (width, new_width, self.size[1])
        may_box = square and self.interpolation != "nearest"
        rows = _axis(height, new_height, self.size[0], may_box)
        columns = _axis(width, new_width, self.size[1], may_box)
        if rows.output * columns.output > MAX_RESIZED_PIXELS:
            raise ValueError(
                f"an image of {width} x {height} pixels is too long and thin for a network: it would be enlarged to "
                f"{rows.output * columns.output / 1e6:.0f} million pixels; crop it, for example with --prepare crop"
            )
        picture = Image.frombuffer("RGB", (width, height), np.ascontiguousarray(image), "raw", "RGB", 0, 1)
        box = (columns.box[0], rows.box[0], columns.box[1], rows.box[1])
        picture = picture.resize((columns.output, rows.output), INTERPOLATIONS[self.interpolation], box=box)
        cropped = np.asarray(picture)[rows.crop, columns.crop]
        return cropped if cropped.shape[:2] == self.size else self._padded(cropped)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ResizeCrop:
        """Create a transform from its fields as JSON values.

        Raises
        ------
        ValueError
            A field is missing or invalid.
        """
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            raise ValueError(f"invalid image transform: {error}") from error

    def _resized_shape(self, height: int, width: int) -> tuple[int, int]:
        if self.resize == "exact":
            return self.scaled
        if self.resize == "shorter":
            short, long = min(height, width), max(height, width)
            other = int(self.scaled[0] * long / short)
            return (self.scaled[0], other) if height <= width else (other, self.scaled[0])
        ratios = (height / self.scaled[0], width / self.scaled[1])
        ratio = min(ratios) if self.resize == "cover" else max(ratios)
        return max(round(height / ratio), 1), max(round(width / ratio), 1)

    def _padded(self, image: UInt8Array) -> UInt8Array:
        padded = np.full((*self.size, 3), self.fill, dtype=np.uint8)
        top, left = (max(self.size[axis] - image.shape[axis], 0) // 2 for axis in (0, 1))
        padded[top : top + image.shape[0], left : left + image.shape[1]] = image
        return padded


class _Axis(NamedTuple):
    """Resize and crop along one axis.

    Parameters
    ----------
    output : int
        Pixels that Pillow computes.
    box : tuple of float
        Part of the input that Pillow resizes.
    crop : slice
        Part of the computed pixels that the crop uses.
    """

    output: int
    box: tuple[float, float]
    crop: slice


def _axis(side: int, resized: int, target: int, may_box: bool) -> _Axis:
    """Resize `side` pixels to `resized` and crop to `target`; with `may_box`, resize only the part that is used."""
    length = min(resized, target)
    # Halves are rounded to even, as in torchvision's centre crop.
    start = round((resized - length) / 2)
    # Pillow puts pixel x of n at a + (x + 1/2) (b - a) / n of the box [a, b), a and b in single precision. Where
    # side / resized is a fraction of a power of two and the box needs no more than 24 bits, nothing of this is
    # rounded, and resizing the box equals cropping the resized image; elsewhere a last bit may differ.
    divisor = math.gcd(side, resized)
    unit = resized // divisor
    exact = unit & (unit - 1) == 0 and resized * (side // divisor) < 2**24
    # Pillow skips the pass along an axis that keeps its length, but not the pass to a part of it.
    if may_box and exact and side != resized:
        return _Axis(length, (start * side / resized, (start + length) * side / resized), slice(None))
    return _Axis(resized, (0, side), slice(start, start + length))
