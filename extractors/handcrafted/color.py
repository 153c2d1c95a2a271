"""Colour inside the cell: first-order statistics of channels and stains, hue, and nucleus against cytoplasm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.channels import RGB, cielab, hsv, optical_density, stain_densities
from extractors.handcrafted.family import Family, HandcraftedBase
from extractors.handcrafted.feature import Column, Feature
from extractors.handcrafted.parts import Parts
from extractors.handcrafted.status import Measured, Status, missing

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

COLUMNS = tuple(Column(name, Feature(name.split(".")[1], "see color")) for name in NAMES)

_LEVELS_DENSITY = optical_density(np.arange(256, dtype=np.uint8))

FLAT_SD = 1e-4
"""Standard deviation, in any channel's unit, up to which a channel is constant but for rounding."""


class Color(HandcraftedBase):
    """Colour inside the cell: first-order statistics of channels and stains, hue, and nucleus against cytoplasm."""

    def _families(self) -> list[Family]:
        """The one family."""
        return [Family(COLUMNS, color)]


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


def _channels(
    pixels: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[np.float64]]]:
    hue_and_saturation = hsv(pixels[None])[0]
    has_hue = pixels.max(axis=1) > pixels.min(axis=1)
    columns = (*pixels.T, hue_and_saturation[:, 1], *cielab(pixels).T, *stain_densities(pixels).T)
    channels = {name: np.array(column, dtype=np.float64) for name, column in zip(CHANNELS, columns, strict=True)}
    return np.deg2rad(hue_and_saturation[has_hue, 0], dtype=np.float64), channels


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
    return [float(_LEVELS_DENSITY @ count) / int(count.sum()) for count in counts]
