"""Colour of a cell, its nucleus and its cytoplasm: first-order statistics of channels and stains, and the hue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.channels import CHANNELS as TEXTURED
from extractors.handcrafted.family import Family, HandcraftedBase, chosen
from extractors.handcrafted.feature import Column, Feature, texture_name
from extractors.handcrafted.first_order import SCALED, STATISTICS, first_order
from extractors.handcrafted.parts import REGIONS, Parts
from extractors.handcrafted.region import BoolMask
from extractors.handcrafted.status import Measured, Status, missing


@dataclass(frozen=True)
class Scale:
    """What the values of a channel mean.

    Parameters
    ----------
    formula : str
    unit, range : str
    source : str
        Where the formula is from.
    """

    formula: str
    unit: str
    range: str
    source: str = ""


GREY = "grey level"
LAB = "IEC 61966-2-1, CIE 15 (D65)"
RUIFROK = "Ruifrok & Johnston 2001 with ImageJ's Giemsa vectors"

SCALES = {
    "luma": Scale("0.299 R + 0.587 G + 0.114 B", GREY, "[0, 255]", "ITU-R BT.601"),
    "red": Scale("R", GREY, "[0, 255]"),
    "green": Scale("G", GREY, "[0, 255]"),
    "blue": Scale("B", GREY, "[0, 255]"),
    "saturation": Scale("(max - min) / max of R, G, B", "1", "[0, 1]", "Smith 1978"),
    "value": Scale("max of R, G, B", GREY, "[0, 255]", "Smith 1978"),
    "lightness": Scale("CIELAB L*", "CIELAB", "[0, 100]", LAB),
    "a": Scale("CIELAB a*", "CIELAB", "[-87, 99]", LAB),
    "b": Scale("CIELAB b*", "CIELAB", "[-108, 95]", LAB),
    "od_red": Scale("-log10((R + 1) / 256)", "OD", "[0, 2.41]", "Beer-Lambert"),
    "od_green": Scale("-log10((G + 1) / 256)", "OD", "[0, 2.41]", "Beer-Lambert"),
    "od_blue": Scale("-log10((B + 1) / 256)", "OD", "[0, 2.41]", "Beer-Lambert"),
    "methylene_blue": Scale("density of methylene blue, unmixed", "OD", "(-inf, inf)", RUIFROK),
    "eosin": Scale("density of eosin, unmixed", "OD", "(-inf, inf)", RUIFROK),
}
"""Of every channel that can be textured; the hue, which is an angle, has statistics of its own."""

CHANNELS = (*TEXTURED, "hue")

DEFAULT_CHANNELS = ("red", "green", "blue", "hue", "saturation", "lightness", "a", "b", "methylene_blue", "eosin")
"""Left out: optical densities and value, whose percentiles are those of R, G and B in other units, and luma, which is
lightness in other units."""

DEFAULT_STATISTICS = ("mean", "sd", "skewness", "kurtosis", "p10", "p90")
"""Left out: the median and the interquartile range, which follow mean and sd, and the entropy, which follows kurtosis
once the levels are cut between the extremes."""

HUE = (
    Feature("cosine", "cosine of the circular mean of the hue", "1", "[-1, 1]", "Mardia & Jupp 2000; Smith 1978"),
    Feature("sine", "sine of the circular mean of the hue", "1", "[-1, 1]", "Mardia & Jupp 2000; Smith 1978"),
    Feature("resultant", "|mean of exp(i hue)|", "1", "[0, 1]", "Mardia & Jupp 2000; Smith 1978"),
)
"""Over the pixels that have a hue: grey ones have none."""

DIFFERENCE = Feature(
    "difference", "mean in the nucleus less mean in the cytoplasm", range="(-inf, inf)", source="means as IBSI has them"
)

NO_DIRECTION = 1e-6
"""Length of the mean of the hues as unit vectors up to which they point nowhere but for rounding."""

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.intp]


class Color(HandcraftedBase):
    """Colour of cell, nucleus and cytoplasm; the background has no part in it.

    By default the cell and its nucleus are described, and the cytoplasm by how its means differ from the nucleus's.

    Parameters
    ----------
    regions : sequence of str or str
        Of `cell`, `nucleus`, `cytoplasm`. With the nucleus come the differences, but for the means of nucleus and
        cytoplasm both being columns, which say the same.
    channels : sequence of str or str
        Of `CHANNELS`: those that can be textured, and `hue`, which has a cosine, a sine and a resultant instead of
        the statistics.
    statistics : sequence of str or str
        Of `mean`, `sd`, `skewness`, `kurtosis`, `p10`, `p50`, `p90`, `iqr`, `entropy`.
    """

    def __init__(
        self,
        regions: Sequence[str] | str = ("cell", "nucleus"),
        channels: Sequence[str] | str = DEFAULT_CHANNELS,
        statistics: Sequence[str] | str = DEFAULT_STATISTICS,
    ) -> None:
        self.regions = regions
        self.channels = channels
        self.statistics = statistics

    def _families(self) -> list[Family]:
        """The one family."""
        regions = chosen(self.regions, REGIONS, "region")
        channels = chosen(self.channels, CHANNELS, "channel")
        statistics = chosen(self.statistics, [feature.name for feature in STATISTICS], "statistic")
        known = "nucleus" not in regions or ("cytoplasm" in regions and "mean" in statistics)
        compared = [] if known else [channel for channel in channels if channel != "hue"]
        described = {channel: _features(channel, statistics) for channel in channels}
        columns = (
            *(_column(feature, region, c) for region in regions for c in channels for feature in described[c]),
            *(_column(_in_scale(DIFFERENCE, channel), "nucleus", channel) for channel in compared),
        )
        return [Family(columns, lambda parts: color(parts, regions=regions, channels=described, compared=compared))]


def color(
    parts: Parts, *, regions: Sequence[str], channels: Mapping[str, Sequence[Feature]], compared: Sequence[str]
) -> Measured:
    """Statistics of channels in regions, and how the means of nucleus and cytoplasm differ.

    Parameters
    ----------
    parts : Parts
        The cell.
    regions : sequence of str
        Of `extractors.handcrafted.parts.REGIONS`.
    channels : mapping of str to sequence of Feature
        Which statistics to take of each channel.
    compared : sequence of str
        Channels of which the difference is taken; if any, the nucleus is among the regions.

    Returns
    -------
    Measured
        `FLAT` for what has no value where a channel is constant or no pixel has a hue (`first_order`, `circular`);
        `NO_NUCLEUS`, and `TOO_SMALL` where the nucleus leaves no cytoplasm.
    """
    tables = {
        (region, channel): table
        for region in regions
        for channel, table in _tables(parts, channels, parts.mask_of(region)).items()
    }
    found = {
        texture_name("color", feature.name, region, channel): table[feature.name]
        for (region, channel), table in tables.items()
        for feature in channels[channel]
    }
    inside = {channel: tables["nucleus", channel]["mean"] for channel in compared}
    return found | _differences(parts, inside, parts.mask_of("cytoplasm"))


def circular(degrees: Floats) -> Measured:
    """Direction and length of the mean of some angles as unit vectors.

    Parameters
    ----------
    degrees : ndarray of float32, shape (n,)
        NaN counts as no angle.

    Returns
    -------
    Measured
        By the names of `HUE`. `FLAT`: all where there is no angle, `cosine` and `sine` where the angles cancel out.
    """
    angles = np.deg2rad(degrees[~np.isnan(degrees)])
    if not len(angles):
        return missing([feature.name for feature in HUE], Status.FLAT)
    cosine, sine = float(np.cos(angles).mean(dtype=np.float64)), float(np.sin(angles).mean(dtype=np.float64))
    resultant = min(float(np.hypot(cosine, sine)), 1.0)
    if resultant <= NO_DIRECTION:
        return {"cosine": Status.FLAT, "sine": Status.FLAT, "resultant": resultant}
    return {"cosine": cosine / resultant, "sine": sine / resultant, "resultant": resultant}


def _features(channel: str, statistics: Sequence[str]) -> tuple[Feature, ...]:
    """What is taken of a channel, in its own unit."""
    if channel == "hue":
        return HUE
    return tuple(_in_scale(feature, channel) for feature in STATISTICS if feature.name in statistics)


def _in_scale(feature: Feature, channel: str) -> Feature:
    scale = SCALES[channel]
    return replace(
        feature,
        formula=f"{feature.formula}; v = {scale.formula}",
        unit=scale.unit if feature.name in SCALED else feature.unit,
        range=feature.range or scale.range,
        source="; ".join(filter(None, (feature.source, scale.source))),
    )


def _column(feature: Feature, region: str, channel: str) -> Column:
    return Column(texture_name("color", feature.name, region, channel), feature)


def _tables(parts: Parts, channels: Iterable[str], mask: BoolMask | Status) -> dict[str, Measured]:
    """All statistics of each channel, or why there are none."""
    if isinstance(mask, Status):
        return {channel: missing([feature.name for feature in (*STATISTICS, *HUE)], mask) for channel in channels}
    pixels = np.flatnonzero(mask)
    return {channel: _table(parts, channel, pixels) for channel in channels}


def _table(parts: Parts, channel: str, pixels: Pixels) -> Measured:
    if channel == "hue":
        return circular(parts.channels.hue_saturation[0].ravel()[pixels])
    exact, unit = parts.channel(channel)
    return first_order(exact.ravel()[pixels].astype(np.float32, copy=False), unit)


def _differences(parts: Parts, inside: Measured, cytoplasm: BoolMask | Status) -> Measured:
    names = {channel: texture_name("color", DIFFERENCE.name, "nucleus", channel) for channel in inside}
    if isinstance(cytoplasm, Status):
        return missing(names.values(), cytoplasm)
    pixels = np.flatnonzero(cytoplasm)
    return {names[channel]: mean - _mean(parts, channel, pixels) for channel, mean in inside.items()}


def _mean(parts: Parts, channel: str, pixels: Pixels) -> float:
    exact, unit = parts.channel(channel)
    return float(exact.ravel()[pixels].mean(dtype=np.float64)) / unit
