"""Colour inside the cell: first-order statistics of channels and stains, hue, and nucleus against cytoplasm."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.handcrafted.region import Parts
from extractors.handcrafted.status import Measured, Status, missing

RGB = ("red", "green", "blue")
CHANNELS = (*RGB, "saturation", "lightness", "a", "b", "methylene_blue", "eosin")
STATISTICS = ("mean", "sd", "skewness")
LIGHTNESS = ("kurtosis", "p10", "p90")
HUE = ("hue_cosine", "hue_sine", "hue_resultant")
NAMES = (
    *(f"color.{statistic}.cell.{channel}" for channel in CHANNELS for statistic in STATISTICS),
    *(f"color.{statistic}.cell.lightness" for statistic in LIGHTNESS),
    *(f"color.{feature}.cell" for feature in HUE),
    *(f"color.od_difference.nucleus.{channel}" for channel in RGB),
)

GIEMSA = np.array(
    [
        [0.834750233, 0.513556283, 0.196330403],
        [0.092789, 0.954111, 0.283111],
    ]
)
"""Optical density in red, green and blue of methylene blue and of eosin, as ImageJ's Colour Deconvolution has them."""

FLAT_SD = 1e-4
"""Standard deviation, in any channel's unit, up to which a channel is constant but for rounding."""

_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)
_TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_WHITE = (_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
_OPTICAL_DENSITY = -np.log10((np.arange(256) + 1) / 256)


def color(parts: Parts) -> Measured:
    """Colour statistics over the pixels of the cell; the background has no part in them.

    - `mean`, `sd`, `skewness` of red, green, blue (0 to 255), HSV saturation (0 to 1), CIELAB lightness, a and b (D65),
      and the densities of the Giemsa stains methylene blue and eosin (`stain_densities`).
    - `kurtosis` (0 for a normal distribution), `p10`, `p90` of the lightness.
    - `hue_cosine`, `hue_sine`: direction of the circular mean of the HSV hue; `hue_resultant`: its length, in [0, 1].
      Pixels without a hue (grey ones) are left out.
    - `od_difference`: mean optical density of the nucleus less that of the rest of the cell.

    Parameters
    ----------
    parts : Parts
        The cell.

    Returns
    -------
    Measured
        A value for each of `NAMES`; `FLAT` for skewness and kurtosis of a constant channel and for the hue where no
        pixel has one; `NO_NUCLEUS` for the differences.
    """
    pixels = parts.image[parts.mask]
    hue, channels = _channels(pixels)
    found: Measured = {}
    for name, values in channels.items():
        found |= {f"color.{key}.cell.{name}": value for key, value in _statistics(values).items()}
    lightness = channels["lightness"]
    low, high = np.percentile(lightness, [10, 90])
    found["color.kurtosis.cell.lightness"] = _kurtosis(lightness)
    found["color.p10.cell.lightness"], found["color.p90.cell.lightness"] = float(low), float(high)
    found |= {f"color.{key}.cell": value for key, value in _hue(hue).items()}
    differences = _od_differences(parts)
    return found | {f"color.od_difference.nucleus.{key}": value for key, value in differences.items()}


def optical_density(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """-log10((I + 1) / 256): 0 for white, 2.41 for black."""
    return _OPTICAL_DENSITY[pixels]


def cielab(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """CIELAB of sRGB pixels (IEC 61966-2-1) under D65; OpenCV's own is off by up to 0.1 in lightness.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 3)
        RGB.

    Returns
    -------
    ndarray of float32, shape (n, 3)
        Lightness 0 to 100, a, b.
    """
    ratios = _LINEAR[pixels] @ _TO_WHITE
    roots = np.where(
        ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios * np.float32((29 / 6) ** 2 / 3) + np.float32(4 / 29)
    )
    x, y, z = roots.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def stain_densities(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Densities of methylene blue and eosin, by colour deconvolution (Ruifrok & Johnston 2001) of the optical density.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, 3)
        RGB.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        In units of optical density along each stain's unit vector; negative where the other stain explains too much.
    """
    third = np.cross(GIEMSA[0], GIEMSA[1])
    basis = np.vstack([GIEMSA, third])
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    return np.asarray(optical_density(pixels) @ np.linalg.inv(basis)[:, :2])


def _channels(
    pixels: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.float64]]]:
    unit = pixels[None].astype(np.float32) / np.float32(255)
    hsv = np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2HSV))[0]
    has_hue = pixels.max(axis=1) > pixels.min(axis=1)
    columns = (*pixels.T, hsv[:, 1], *cielab(pixels).T, *stain_densities(pixels).T)
    channels = {name: np.array(column, dtype=np.float64) for name, column in zip(CHANNELS, columns, strict=True)}
    return np.deg2rad(hsv[has_hue, 0], dtype=np.float64), channels


def _statistics(values: npt.NDArray[np.float64]) -> Measured:
    mean = float(values.mean())
    centred = values - mean
    squared = centred * centred
    sd = float(np.sqrt(squared.mean()))
    skewness = Status.FLAT if sd <= FLAT_SD else float((squared * centred).mean()) / sd**3
    return {"mean": mean, "sd": sd, "skewness": skewness}


def _kurtosis(values: npt.NDArray[np.float64]) -> float | Status:
    squared = (values - values.mean()) ** 2
    variance = float(squared.mean())
    if variance <= FLAT_SD**2:
        return Status.FLAT
    return float((squared * squared).mean()) / variance**2 - 3


def _hue(angles: npt.NDArray[np.float64]) -> Measured:
    if not len(angles):
        return missing(HUE, Status.FLAT)
    cosine, sine = float(np.cos(angles).mean()), float(np.sin(angles).mean())
    resultant = float(np.hypot(cosine, sine))
    if resultant < 1e-6:
        return {"hue_cosine": Status.FLAT, "hue_sine": Status.FLAT, "hue_resultant": resultant}
    return {"hue_cosine": cosine / resultant, "hue_sine": sine / resultant, "hue_resultant": resultant}


def _od_differences(parts: Parts) -> Measured:
    nucleus = parts.nucleus_mask
    if nucleus is None:
        return missing(RGB, Status.NO_NUCLEUS)
    inside = _mean_optical_density(parts.image, nucleus)
    outside = _mean_optical_density(parts.image, parts.mask & ~nucleus)
    return {channel: one - other for channel, one, other in zip(RGB, inside, outside, strict=True)}


def _mean_optical_density(image: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> list[float]:
    counts = [np.bincount(image[..., channel][mask], minlength=256) for channel in range(3)]
    return [float(_OPTICAL_DENSITY @ count) / int(count.sum()) for count in counts]
