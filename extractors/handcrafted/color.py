"""Colour of a cell, its nucleus and its cytoplasm: first-order statistics of channels and stains, and the hue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.cell_regions import REGIONS, Parts
from extractors.handcrafted.framework.channels import CHANNELS as TEXTURED
from extractors.handcrafted.framework.channels import Channels
from extractors.handcrafted.framework.family import Family, HandcraftedBase, chosen
from extractors.handcrafted.framework.feature import Column, Feature, texture_name
from extractors.handcrafted.framework.first_order import SCALED, STATISTICS, first_order
from extractors.handcrafted.framework.region import BoolMask
from extractors.handcrafted.framework.status import Measured, Status, missing


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
"""Left out: optical densities, whose percentiles are those of R, G and B in other units; value, which in a purple cell
is the larger of R and B; luma, which goes with lightness."""

DEFAULT_STATISTICS = ("mean", "sd", "skewness", "kurtosis", "p10", "p90")
"""Left out: the median, which on real cells goes with other columns (correlations of 0.94 to 0.98), and interquartile
range and entropy, which tell of spread and form again."""

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
        wanted = (
            *(
                (region, channel, feature)
                for region in regions
                for channel in channels
                for feature in described[channel]
            ),
            *(("nucleus", channel, _in_scale(DIFFERENCE, channel)) for channel in compared),
        )
        names = [texture_name("color", feature.name, region, channel) for region, channel, feature in wanted]
        keys = {name: (region, channel, f.name) for name, (region, channel, f) in zip(names, wanted, strict=True)}
        columns = tuple(Column(name, feature) for name, (_, _, feature) in zip(names, wanted, strict=True))
        return [Family(columns, lambda parts: color(parts, keys))]


def color(parts: Parts, keys: Mapping[str, tuple[str, str, str]]) -> Measured:
    """Statistics of channels in regions, and how the means of nucleus and cytoplasm differ.

    Parameters
    ----------
    parts : Parts
        The cell.
    keys : mapping of str to tuple of str
        Region, channel and statistic (of `STATISTICS`, `HUE`, or `DIFFERENCE`) of each column.

    Returns
    -------
    Measured
        A value for each of the keys. `FLAT` for what has no value where a channel is constant or no pixel has a hue
        (`first_order`, `circular`); `NO_NUCLEUS`, and `TOO_SMALL` where the nucleus leaves no cytoplasm.
    """
    channels, places = _regions(parts)
    tables: dict[tuple[str, str], Measured] = {}
    for region, channel, statistic in keys.values():
        if (region, channel) not in tables:
            tables[region, channel] = _table(channels, channel, places[region])
        if statistic == DIFFERENCE.name:
            table = tables[region, channel]
            table[statistic] = _difference(table["mean"], channels, channel, places["cytoplasm"])
    return {name: tables[region, channel][statistic] for name, (region, channel, statistic) in keys.items()}


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


def _regions(parts: Parts) -> tuple[Channels, dict[str, slice | Status]]:
    """The pixels of the cell side by side, those of the nucleus first, and where each region lies among them."""
    nucleus, cytoplasm = parts.mask_of("nucleus"), parts.mask_of("cytoplasm")
    inner = _pixels(parts, parts.mask if isinstance(nucleus, Status) else nucleus)
    if isinstance(nucleus, Status):
        return Channels(inner), {"cell": slice(None), "nucleus": nucleus, "cytoplasm": nucleus}
    if isinstance(cytoplasm, Status):
        return Channels(inner), {"cell": slice(None), "nucleus": slice(None), "cytoplasm": cytoplasm}
    everything = np.concatenate([inner, _pixels(parts, cytoplasm)], axis=1)
    count = inner.shape[1]
    return Channels(everything), {"cell": slice(None), "nucleus": slice(count), "cytoplasm": slice(count, None)}


def _pixels(parts: Parts, mask: BoolMask) -> npt.NDArray[np.uint8]:
    """Those in a mask, as an image of one row."""
    return parts.image.reshape(-1, 3).take(np.flatnonzero(mask), axis=0)[None]


def _table(channels: Channels, channel: str, place: slice | Status) -> Measured:
    """All statistics of a channel, or why there are none."""
    if isinstance(place, Status):
        return missing([feature.name for feature in (*STATISTICS, *HUE)], place)
    if channel == "hue":
        return circular(channels.hue_saturation[0, 0, place])
    exact, unit = channels.plane(channel)
    return first_order(exact[0, place].astype(np.float32, copy=False), unit)


def _difference(nucleus: float, channels: Channels, channel: str, cytoplasm: slice | Status) -> float | Status:
    if isinstance(cytoplasm, Status):
        return cytoplasm
    exact, unit = channels.plane(channel)
    return nucleus - float(exact[0, cytoplasm].mean(dtype=np.float64)) / unit
