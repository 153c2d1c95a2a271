"""How a network is shown an image: resized and cropped, from the configuration that its weights were published with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

Resize = Literal["shorter", "exact", "cover", "contain"]
Channels = tuple[float, float, float]

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}

SMALLEST_SIDE = 8
"""Images with a side of fewer pixels show no cell; a network would only see its interpolation."""

MOST_PIXELS = 2**26
"""What an image may be resized to before it is cropped: a strip of 8 x 100,000 would otherwise take gigabytes."""


@dataclass(frozen=True)
class View:
    """What is done to an RGB image before a network sees it; plain data.

    Parameters
    ----------
    size : tuple of int
        Height and width in pixels that the network takes.
    scaled : tuple of int
        Height and width that the image is resized to, as `resize` says.
    resize : {"shorter", "exact", "cover", "contain"}
        `shorter`: the shorter side becomes `scaled[0]`, the longer keeps the ratio and is rounded down (torchvision).
        `exact`: both sides, whatever the ratio. `cover` and `contain`: the smallest image with the old ratio that
        covers `scaled`, the largest that it contains; rounded to the nearest (timm).
    interpolation : str
        A key of `INTERPOLATIONS`.
    mean, std : tuple of 3 floats
        Of each channel on the scale 0 to 1; the network itself applies them.
    fill : tuple of 3 int, optional
        Colour, 0 to 255, of the frame around an image smaller than `size`.
    """

    size: tuple[int, int]
    scaled: tuple[int, int]
    resize: Resize
    interpolation: str
    mean: Channels
    std: Channels
    fill: tuple[int, int, int] = (0, 0, 0)

    def shown(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The image as the network takes it; bit for bit what timm's and torchvision's own transforms give.

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
            A side is shorter than `SMALLEST_SIDE`, or the image so long and thin that it would become more than
            `MOST_PIXELS` pixels.
        """
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            raise ValueError(
                f"an image of {width} x {height} pixels is too small for a network: "
                f"each side needs at least {SMALLEST_SIDE} pixels"
            )
        tall, wide = self._resized(height, width)
        # Pillow passes over rows or over columns first, as their sizes say, and rounds in between. In a square the part
        # and the whole are asked for with the same ratio of sizes.
        square = (height, tall, self.size[0]) == (width, wide, self.size[1]) and self.interpolation != "nearest"
        rows, columns = _Span.of(height, tall, self.size[0], square), _Span.of(width, wide, self.size[1], square)
        if rows.made * columns.made > MOST_PIXELS:
            raise ValueError(
                f"an image of {width} x {height} pixels is too long and thin for a network: it would be enlarged to "
                f"{rows.made * columns.made / 1e6:.0f} million pixels; cut it, for example with --prepare crop"
            )
        picture = Image.frombuffer("RGB", (width, height), np.ascontiguousarray(image), "raw", "RGB", 0, 1)
        box = (columns.box[0], rows.box[0], columns.box[1], rows.box[1])
        picture = picture.resize((columns.made, rows.made), INTERPOLATIONS[self.interpolation], box=box)
        made = np.asarray(picture)[rows.kept, columns.kept]
        return made if made.shape[:2] == self.size else self._framed(made)

    def to_dict(self) -> dict[str, Any]:
        """Itself as plain values that JSON keeps; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> View:
        """The view that `to_dict` wrote.

        Raises
        ------
        ValueError
            `values` describe no view.
        """
        try:
            view = cls(
                size=_pair(values["size"]),
                scaled=_pair(values["scaled"]),
                resize=values["resize"],
                interpolation=values["interpolation"],
                mean=_channels(values["mean"]),
                std=_channels(values["std"]),
                fill=_colour(values["fill"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"these values describe no view of an image: {error}") from error
        if view.resize not in get_args(Resize) or view.interpolation not in INTERPOLATIONS:
            raise ValueError(f"these values describe no view of an image: {view.resize}, {view.interpolation}")
        return view

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize == "exact":
            return self.scaled
        if self.resize == "shorter":
            short, long = min(height, width), max(height, width)
            other = int(self.scaled[0] * long / short)
            return (self.scaled[0], other) if height <= width else (other, self.scaled[0])
        ratios = (height / self.scaled[0], width / self.scaled[1])
        ratio = min(ratios) if self.resize == "cover" else max(ratios)
        return max(round(height / ratio), 1), max(round(width / ratio), 1)

    def _framed(self, made: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        framed = np.empty((*self.size, 3), dtype=np.uint8)
        framed[:] = self.fill
        top, left = (max(self.size[axis] - made.shape[axis], 0) // 2 for axis in (0, 1))
        framed[top : top + made.shape[0], left : left + made.shape[1]] = made
        return framed


@dataclass(frozen=True)
class _Span:
    """One side of an image: which part of it is resized to how many pixels, and which of these are kept."""

    side: int
    resized: int
    start: int
    length: int
    boxed: bool

    @classmethod
    def of(cls, side: int, resized: int, wanted: int, may_box: bool) -> _Span:
        length = min(resized, wanted)
        # Halves are rounded to even, as torchvision centres.
        start = round((resized - length) / 2)
        # Pillow puts pixel x of n at a + (x + 1/2) (b - a) / n of the box [a, b), a and b in single precision. Where
        # side / resized is a fraction of a power of two and the box needs no more than 24 bits, nothing of this is
        # rounded, and the part resized alone is the part of the whole; elsewhere a last bit may differ.
        divisor = math.gcd(side, resized)
        unit = resized // divisor
        exact = unit & (unit - 1) == 0 and resized * (side // divisor) < 2**24
        # The pass along a side that keeps its length is left out by Pillow, but not that to a part of it.
        return cls(side, resized, start, length, boxed=may_box and exact and side != resized)

    @property
    def made(self) -> int:
        return self.length if self.boxed else self.resized

    @property
    def box(self) -> tuple[float, float]:
        if not self.boxed:
            return 0, self.side
        return self.start * self.side / self.resized, (self.start + self.length) * self.side / self.resized

    @property
    def kept(self) -> slice:
        return slice(None) if self.boxed else slice(self.start, self.start + self.length)


def _pair(values: Any) -> tuple[int, int]:
    height, width = (int(value) for value in _numbers(values, 2))
    if not 0 < min(height, width) <= max(height, width) <= 2**14:
        raise ValueError(f"these values describe no view of an image: {height} x {width} pixels")
    return height, width


def _channels(values: Any) -> Channels:
    red, green, blue = (float(value) for value in _numbers(values, 3))
    return red, green, blue


def _colour(values: Any) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in _numbers(values, 3))
    if not 0 <= min(red, green, blue) <= max(red, green, blue) <= 255:
        raise ValueError(f"these values describe no view of an image: colour {red}, {green}, {blue}")
    return red, green, blue


def _numbers(values: Any, count: int) -> list[int | float]:
    if len(values) != count or not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ValueError(f"these values describe no view of an image: {values!r} are not {count} numbers")
    return list(values)
