"""The channels of a colour image: primaries, luma, HSV, CIELAB, optical density, Giemsa stains."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from extractors.arrays import Float32Array, Float64Array, Int32Array, UInt8Array
from extractors.handcrafted.framework.numba_kernels import compiled

GIEMSA = np.array([[0.834750233, 0.513556283, 0.196330403], [0.092789, 0.954111, 0.283111]])
"""Optical densities in red, green and blue of methylene blue and eosin; values of ImageJ's Colour Deconvolution."""

RGB = ("red", "green", "blue")
LUMA_UNIT = 1000


_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4)
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_WHITE = (_TO_XYZ / _WHITE[:, None])[:, :, None] * _LINEAR

_GUESSES = np.cbrt(np.arange(4096 + 2) / 4096)

_OPTICAL_DENSITY = -np.log10((np.arange(256) + 1) / 256)


def luma(pixels: UInt8Array) -> Int32Array:
    """Compute the Rec. 601 luma times 1000, 299 R + 587 G + 114 B: integers, so that equal colours stay equal.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (..., 3)
        RGB.

    Returns
    -------
    ndarray of int32, shape (...)
    """
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    return 299 * red + 587 * green + 114 * blue


def optical_density(pixels: UInt8Array) -> Float64Array:
    """Compute -log10((I + 1) / 256): 0 for white, 2.41 for black."""
    return _OPTICAL_DENSITY[pixels]


class Channels:
    """The channels of one image, each computed on first use.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    """

    def __init__(self, image: UInt8Array) -> None:
        self.image = image
        self._planes: dict[str, tuple[npt.NDArray[np.number], float]] = {}

    def plane(self, name: str) -> tuple[npt.NDArray[np.number], float]:
        """Return a channel and its unit.

        Parameters
        ----------
        name : str
            One of `CHANNELS`.

        Returns
        -------
        exact : ndarray of int32 or float32, shape (height, width)
            Values of the channel times `unit`; pixels of equal colour have bitwise equal values.
        unit : float
            1000 for luma, so that its values are integers; else 1.
        """
        if name not in self._planes:
            self._planes[name] = _PLANES[name](self), float(LUMA_UNIT if name == "luma" else 1)
        return self._planes[name]

    @cached_property
    def hue_saturation(self) -> Float32Array:
        """Hue and saturation of HSV (Smith 1978), shape (2, height, width).

        Hue in degrees, [0, 360), NaN for grey; saturation in [0, 1], 0 for black.
        """
        return self._mapped(_hue_saturation)

    @cached_property
    def cielab(self) -> Float32Array:
        """CIELAB of sRGB pixels (IEC 61966-2-1) under D65, shape (3, height, width): lightness 0 to 100, a, b.

        Within 2e-5 of the formulas, and within 2e-4 of scikit-image, which rounds their constants; the lightness of
        OpenCV's conversion is off by up to 0.1.
        """
        return self._mapped(_cielab, _TO_WHITE, _GUESSES)

    @cached_property
    def stains(self) -> Float32Array:
        """Densities of methylene blue and eosin by colour deconvolution (Ruifrok & Johnston 2001), (2, height, width).

        Optical density along the unit vector of each stain; may be negative.
        """
        return self._mapped(_stain_densities, _UNMIXING)

    def _mapped(self, kernel: Callable[..., Float32Array], *tables: Float64Array) -> Float32Array:
        return kernel(np.ascontiguousarray(self.image).reshape(-1, 3), *tables).reshape(-1, *self.image.shape[:-1])


def _primary(index: int) -> Callable[[Channels], npt.NDArray[np.number]]:
    return lambda channels: channels.image[..., index].astype(np.int32)


def _density(index: int) -> Callable[[Channels], npt.NDArray[np.number]]:
    return lambda channels: _OPTICAL_DENSITY.astype(np.float32)[channels.image[..., index]]


def _value(channels: Channels) -> Int32Array:
    red, green, blue = np.moveaxis(channels.image, -1, 0)
    return np.asarray(np.maximum(np.maximum(red, green), blue), dtype=np.int32)


_PLANES: dict[str, Callable[[Channels], npt.NDArray[np.number]]] = {
    "luma": lambda channels: luma(channels.image),
    **{name: _primary(index) for index, name in enumerate(RGB)},
    "saturation": lambda channels: channels.hue_saturation[1],
    "value": _value,
    "lightness": lambda channels: channels.cielab[0],
    "a": lambda channels: channels.cielab[1],
    "b": lambda channels: channels.cielab[2],
    **{f"od_{name}": _density(index) for index, name in enumerate(RGB)},
    "methylene_blue": lambda channels: channels.stains[0],
    "eosin": lambda channels: channels.stains[1],
}
CHANNELS = tuple(_PLANES)
"""Names of the channels that texture families accept."""


_BASIS = np.vstack([GIEMSA, np.cross(GIEMSA[0], GIEMSA[1])])
_BASIS /= np.linalg.norm(_BASIS, axis=1, keepdims=True)
_UNMIXING = np.linalg.inv(_BASIS).T[:2, :, None] * _OPTICAL_DENSITY
"""Contribution of each level of red, green and blue to the density of each stain, shape (2, 3, 256)."""


@compiled
def _hue_saturation(pixels: UInt8Array) -> Float32Array:
    result = np.empty((2, len(pixels)), dtype=np.float32)
    for i in range(len(pixels)):
        red, green, blue = int(pixels[i, 0]), int(pixels[i, 1]), int(pixels[i, 2])
        highest = max(red, green, blue)
        spread = highest - min(red, green, blue)
        result[1, i] = spread / highest if highest else 0.0
        if spread == 0:
            result[0, i] = np.nan
        elif highest == red:
            result[0, i] = 60 * (green - blue) / spread + (360 if green < blue else 0)
        elif highest == green:
            result[0, i] = 60 * (blue - red) / spread + 120
        else:
            result[0, i] = 60 * (red - green) / spread + 240
    return result


@compiled
def _stain_densities(pixels: UInt8Array, table: Float64Array) -> Float32Array:
    result = np.empty((2, len(pixels)), dtype=np.float32)
    for i in range(len(pixels)):
        red, green, blue = pixels[i, 0], pixels[i, 1], pixels[i, 2]
        result[0, i] = table[0, 0, red] + table[0, 1, green] + table[0, 2, blue]
        result[1, i] = table[1, 0, red] + table[1, 1, green] + table[1, 2, blue]
    return result


@compiled
def _root(ratio: float, guesses: Float64Array) -> float:
    """The cube root of CIELAB, linear near black."""
    if ratio <= (6 / 29) ** 3:
        return ratio * (29 / 6) ** 2 / 3 + 4 / 29
    guess = guesses[int(ratio * 4096 + 0.5)]
    cube = guess * guess * guess
    return float(guess * (cube + 2 * ratio) / (2 * cube + ratio))  # Halley's method: an error of 0.6 % becomes 1e-7


@compiled
def _cielab(pixels: UInt8Array, ratios: Float64Array, guesses: Float64Array) -> Float32Array:
    result = np.empty((3, len(pixels)), dtype=np.float32)
    for i in range(len(pixels)):
        red, green, blue = pixels[i, 0], pixels[i, 1], pixels[i, 2]
        x = _root(ratios[0, 0, red] + ratios[0, 1, green] + ratios[0, 2, blue], guesses)
        y = _root(ratios[1, 0, red] + ratios[1, 1, green] + ratios[1, 2, blue], guesses)
        z = _root(ratios[2, 0, red] + ratios[2, 1, green] + ratios[2, 2, blue], guesses)
        result[0, i], result[1, i], result[2, i] = 116 * y - 16, 500 * (x - y), 200 * (y - z)
    return result
