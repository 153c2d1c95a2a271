"""The channels of a colour image: primaries, luma, HSV, CIELAB, optical density, Giemsa stains."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

GIEMSA = np.array(
    [
        [0.834750233, 0.513556283, 0.196330403],
        [0.092789, 0.954111, 0.283111],
    ]
)
"""Optical density in red, green and blue of methylene blue and of eosin, as ImageJ's Colour Deconvolution has them."""

RGB = ("red", "green", "blue")
LUMA_UNIT = 1000

Pixels = npt.NDArray[np.uint8]

_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_WHITE = (_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
_OPTICAL_DENSITY = -np.log10((np.arange(256) + 1) / 256)


def luma(pixels: Pixels) -> npt.NDArray[np.int32]:
    """Rec. 601 luma times 1000, 299 R + 587 G + 114 B: whole numbers, so that equal colours stay equal.

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


def optical_density(pixels: Pixels) -> npt.NDArray[np.float64]:
    """-log10((I + 1) / 256): 0 for white, 2.41 for black."""
    return _OPTICAL_DENSITY[pixels]


def cielab(pixels: Pixels) -> npt.NDArray[np.float32]:
    """CIELAB of sRGB pixels (IEC 61966-2-1) under D65; OpenCV's own is off by up to 0.1 in lightness.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (..., 3)
        RGB.

    Returns
    -------
    ndarray of float32, shape (..., 3)
        Lightness 0 to 100, a, b.
    """
    ratios = _LINEAR[pixels] @ _TO_WHITE
    roots = np.where(
        ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29)
    )
    x, y, z = np.moveaxis(roots, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def stain_densities(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Densities of methylene blue and eosin, by colour deconvolution (Ruifrok & Johnston 2001) of the optical density.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (..., 3)
        RGB.

    Returns
    -------
    ndarray of float64, shape (..., 2)
        In units of optical density along each stain's unit vector; negative where the other stain explains too much.
    """
    third = np.cross(GIEMSA[0], GIEMSA[1])
    basis = np.vstack([GIEMSA, third])
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    return np.asarray(optical_density(pixels) @ np.linalg.inv(basis)[:, :2])


def hsv(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Hue in degrees, saturation and value in [0, 1] of an image, shape (height, width, 3)."""
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2HSV))


def channel_plane(image: Pixels, name: str) -> tuple[npt.NDArray[np.number], float]:
    """A channel of an image, and what its numbers are multiples of.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    name : str
        One of `CHANNELS`.

    Returns
    -------
    exact : ndarray of int32 or float32, shape (height, width)
        The channel's values times `unit`.
    unit : float
        1000 for luma, which is then whole; else 1.
    """
    return _CHANNELS[name](image), float(LUMA_UNIT if name == "luma" else 1)


def _primary(index: int) -> Callable[[Pixels], npt.NDArray[np.number]]:
    return lambda image: image[..., index].astype(np.int32)


def _density(index: int) -> Callable[[Pixels], npt.NDArray[np.number]]:
    return lambda image: optical_density(image[..., index]).astype(np.float32)


_CHANNELS: dict[str, Callable[[Pixels], npt.NDArray[np.number]]] = {
    "luma": luma,
    "red": _primary(0),
    "green": _primary(1),
    "blue": _primary(2),
    "saturation": lambda image: hsv(image)[..., 1],
    "value": lambda image: image.max(axis=2).astype(np.int32),
    "lightness": lambda image: cielab(image)[..., 0],
    "a": lambda image: cielab(image)[..., 1],
    "b": lambda image: cielab(image)[..., 2],
    "od_red": _density(0),
    "od_green": _density(1),
    "od_blue": _density(2),
    "methylene_blue": lambda image: stain_densities(image)[..., 0].astype(np.float32),
    "eosin": lambda image: stain_densities(image)[..., 1].astype(np.float32),
}
CHANNELS = tuple(_CHANNELS)
"""Channels whose texture can be measured."""
