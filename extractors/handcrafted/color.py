"""Colour of a cell, its nucleus and its cytoplasm: first-order statistics of channels, stains and hue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from extractors.arrays import BoolArray, Float32Array, UInt8Array
from extractors.handcrafted.framework.cell_regions import REGIONS, CellRegions
from extractors.handcrafted.framework.channels import CHANNELS as TEXTURE_CHANNELS
from extractors.handcrafted.framework.channels import RGB, Channels
from extractors.handcrafted.framework.family import Family, HandcraftedBase
from extractors.handcrafted.framework.feature import Column, Feature, column_name, keyed
from extractors.handcrafted.framework.first_order import SCALED, STATISTICS, first_order
from extractors.handcrafted.framework.parameters import validated_names
from extractors.handcrafted.framework.status import FeatureValues, Status

GREY = "grey level"
LAB = "IEC 61966-2-1, CIE 15 (D65)"
RUIFROK = "Ruifrok & Johnston 2001 with ImageJ's Giemsa vectors"

SCALES = keyed(
    (
        Feature("luma", "0.299 R + 0.587 G + 0.114 B", GREY, "[0, 255]", "ITU-R BT.601"),
        *(Feature(name, letter, GREY, "[0, 255]") for name, letter in zip(RGB, "RGB", strict=True)),
        Feature("saturation", "(max - min) / max of R, G, B", "1", "[0, 1]", "Smith 1978"),
        Feature("value", "max of R, G, B", GREY, "[0, 255]", "Smith 1978"),
        Feature("lightness", "CIELAB L*", "CIELAB", "[0, 100]", LAB),
        Feature("a", "CIELAB a*", "CIELAB", "[-87, 99]", LAB),
        Feature("b", "CIELAB b*", "CIELAB", "[-108, 95]", LAB),
        *(
            Feature(f"od_{name}", f"-log10(({letter} + 1) / 256)", "OD", "[0, 2.41]", "Beer-Lambert")
            for name, letter in zip(RGB, "RGB", strict=True)
        ),
        Feature("methylene_blue", "density of methylene blue, unmixed", "OD", "(-inf, inf)", RUIFROK),
        Feature("eosin", "density of eosin, unmixed", "OD", "(-inf, inf)", RUIFROK),
    )
)
"""Values of every channel but the hue, which is an angle and has circular statistics."""

CHANNELS = (*TEXTURE_CHANNELS, "hue")

DEFAULT_CHANNELS = ("red", "green", "blue", "hue", "saturation", "lightness", "a", "b", "methylene_blue", "eosin")
"""Omitted: optical densities, whose percentiles are those of R, G and B in other units; value, which is max(R, B) in a
purple cell; luma, which correlates with lightness."""

DEFAULT_STATISTICS = ("mean", "sd", "skewness", "kurtosis", "p10", "p90")
"""Omitted: the median, which correlates with other columns on real cells (0.94 to 0.98); interquartile range and
entropy, which are redundant with `sd` and `kurtosis`."""

HUE = (
    Feature("cosine", "cosine of the circular mean of the hue", "1", "[-1, 1]", "Mardia & Jupp 2000; Smith 1978"),
    Feature("sine", "sine of the circular mean of the hue", "1", "[-1, 1]", "Mardia & Jupp 2000; Smith 1978"),
    Feature("resultant", "|mean of exp(i hue)|", "1", "[0, 1]", "Mardia & Jupp 2000; Smith 1978"),
)
"""Circular statistics over the pixels with a hue; grey pixels have none."""

DIFFERENCE = Feature(
    "difference", "mean in the nucleus less mean in the cytoplasm", range="(-inf, inf)", source="means: IBSI"
)

NO_DIRECTION = 1e-6
"""Largest resultant length whose direction is rounding noise."""


@dataclass(eq=False, repr=False)
class Color(HandcraftedBase):
    """Colour of cell, nucleus and cytoplasm; the background is ignored.

    By default, cell and nucleus are described by statistics, and the cytoplasm by the differences of its means from
    those of the nucleus.

    Parameters
    ----------
    regions : sequence of str or str
        Any of `cell`, `nucleus` and `cytoplasm`. Differences are included with the nucleus, unless the means of both
        nucleus and cytoplasm are columns.
    channels : sequence of str or str
        Any of `CHANNELS`; `hue` has a cosine, a sine and a resultant instead of `statistics`.
    statistics : sequence of str or str
        Any of `mean`, `sd`, `skewness`, `kurtosis`, `p10`, `p50`, `p90`, `iqr` and `entropy`.
    """

    regions: Sequence[str] | str = ("cell", "nucleus")
    channels: Sequence[str] | str = DEFAULT_CHANNELS
    statistics: Sequence[str] | str = DEFAULT_STATISTICS

    def _families(self) -> list[Family]:
        regions = validated_names(self.regions, REGIONS, "region")
        channels = validated_names(self.channels, CHANNELS, "channel")
        statistics = validated_names(self.statistics, list(keyed(STATISTICS)), "statistic")
        redundant = "nucleus" not in regions or ("cytoplasm" in regions and "mean" in statistics)
        compared = [] if redundant else [channel for channel in channels if channel != "hue"]
        described = {channel: _features(channel, statistics) for channel in channels}
        selected = [(region, channel, f) for region in regions for channel in channels for f in described[channel]]
        selected += [("nucleus", channel, _in_scale(DIFFERENCE, channel)) for channel in compared]
        keys = {column_name("color", f.name, region, channel): (region, channel, f) for region, channel, f in selected}
        columns = tuple(Column(name, feature) for name, (_, _, feature) in keys.items())
        return [Family(columns, lambda cell: color(cell, keys))]


def color(cell: CellRegions, keys: Mapping[str, tuple[str, str, Feature]]) -> FeatureValues:
    """Compute statistics of channels in regions, and differences between the means of nucleus and cytoplasm.

    Parameters
    ----------
    cell : CellRegions
    keys : mapping of str to tuple
        Region, channel and statistic (of `STATISTICS`, `HUE`, or `DIFFERENCE`) of each column.

    Returns
    -------
    FeatureValues
        By column. For `FLAT` see `first_order` and `circular`; `NO_NUCLEUS`; `TOO_SMALL` without cytoplasm.
    """
    channels, places = _regions(cell)
    tables: dict[tuple[str, str], FeatureValues] = {}
    for region, channel, statistic in keys.values():
        if (region, channel) not in tables:
            tables[region, channel] = _table(channels, channel, places[region])
        if statistic.name == DIFFERENCE.name:
            table = tables[region, channel]
            table[statistic.name] = _difference(table["mean"], channels, channel, places["cytoplasm"])
    return {name: tables[region, channel][statistic.name] for name, (region, channel, statistic) in keys.items()}


def circular(degrees: Float32Array) -> FeatureValues:
    """Compute direction and length of the mean unit vector of angles.

    Parameters
    ----------
    degrees : ndarray of float32, shape (n,)
        NaN is ignored.

    Returns
    -------
    FeatureValues
        By the names of `HUE`. All `FLAT` if there is no angle; `cosine` and `sine` are `FLAT` if the angles cancel out.
    """
    angles = np.deg2rad(degrees[~np.isnan(degrees)])
    if not len(angles):
        return dict.fromkeys(keyed(HUE), Status.FLAT)
    cosine, sine = float(np.cos(angles).mean(dtype=np.float64)), float(np.sin(angles).mean(dtype=np.float64))
    resultant = min(float(np.hypot(cosine, sine)), 1.0)
    if resultant <= NO_DIRECTION:
        return {"cosine": Status.FLAT, "sine": Status.FLAT, "resultant": resultant}
    return {"cosine": cosine / resultant, "sine": sine / resultant, "resultant": resultant}


def _features(channel: str, statistics: Sequence[str]) -> tuple[Feature, ...]:
    """Features of a channel, in its own unit."""
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


def _regions(cell: CellRegions) -> tuple[Channels, dict[str, slice | Status]]:
    """Pixels of the cell as one row, those of the nucleus first, and the slice of each region."""
    nucleus, cytoplasm = cell.mask_of("nucleus"), cell.mask_of("cytoplasm")
    inner = _pixels(cell, cell.mask if isinstance(nucleus, Status) else nucleus)
    if isinstance(nucleus, Status):
        return Channels(inner), {"cell": slice(None), "nucleus": nucleus, "cytoplasm": nucleus}
    if isinstance(cytoplasm, Status):
        return Channels(inner), {"cell": slice(None), "nucleus": slice(None), "cytoplasm": cytoplasm}
    pixels = np.concatenate([inner, _pixels(cell, cytoplasm)], axis=1)
    count = inner.shape[1]
    return Channels(pixels), {"cell": slice(None), "nucleus": slice(count), "cytoplasm": slice(count, None)}


def _pixels(cell: CellRegions, mask: BoolArray) -> UInt8Array:
    """Pixels in a mask, as an image with one row."""
    return cell.image.reshape(-1, 3).take(np.flatnonzero(mask), axis=0)[None]


def _table(channels: Channels, channel: str, place: slice | Status) -> FeatureValues:
    """All statistics of a channel, or the reason why they are undefined."""
    if isinstance(place, Status):
        return dict.fromkeys(keyed((*STATISTICS, *HUE)), place)
    if channel == "hue":
        return circular(channels.hue_saturation[0, 0, place])
    exact, unit = channels.plane(channel)
    return first_order(exact[0, place].astype(np.float32, copy=False), unit)


def _difference(nucleus: float, channels: Channels, channel: str, cytoplasm: slice | Status) -> float | Status:
    if isinstance(cytoplasm, Status):
        return cytoplasm
    exact, unit = channels.plane(channel)
    return nucleus - float(exact[0, cytoplasm].mean(dtype=np.float64)) / unit
