"""What the catalogue says of a feature, and the columns that it makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

EXACT = 1e-6
"""Relative change under quarter turns and flips of what counts the same pixels: rounding."""

ANY = float("inf")
"""The change of a feature that depends on how the cell lies."""


@dataclass(frozen=True)
class Feature:
    """One measured quantity, whatever region, channel and scale it is taken of.

    Parameters
    ----------
    name : str
        Within its family.
    formula : str
        In plain text.
    unit : str
        `1` for a plain number; `px` and `px^2` become micrometres where the scale is known.
    range : str
        Of the values that can occur.
    source : str
        Where the definition is from.
    turns : float
        Largest relative change under quarter turns and flips of the image; `EXACT` but for rounding, `ANY` where the
        feature depends on how the cell lies.
    """

    name: str
    formula: str
    unit: str = "1"
    range: str = ""
    source: str = ""
    turns: float = EXACT


@dataclass(frozen=True)
class Column:
    """One column of features: `family.feature.region.channel.scale`, without the parts that do not apply.

    Parameters
    ----------
    name : str
        In full.
    feature : Feature
        What it holds.
    """

    name: str
    feature: Feature


def keyed(features: Iterable[Feature], scales: Iterable[str] = ()) -> dict[str, Feature]:
    """Features by `feature`, or by `feature.scale` for each scale, scale by scale."""
    known = tuple(features)
    scaled = {f"{feature.name}.{scale}": feature for scale in scales for feature in known}
    return scaled or {feature.name: feature for feature in known}


def outline_columns(family: str, features: Mapping[str, Feature], regions: Iterable[str]) -> tuple[Column, ...]:
    """Columns `family.feature.region`, region by region."""
    return tuple(Column(f"{family}.{key}.{region}", feature) for region in regions for key, feature in features.items())


def texture_columns(
    family: str, features: Mapping[str, Feature], regions: Iterable[str], channels: Iterable[str]
) -> tuple[Column, ...]:
    """Columns `family.feature.region.channel`, with `.scale` where a key has one; region by region."""
    planes = [(region, channel) for region in regions for channel in channels]
    return tuple(
        Column(texture_name(family, key, region, channel), feature)
        for region, channel in planes
        for key, feature in features.items()
    )


def texture_name(family: str, key: str, region: str, channel: str) -> str:
    """Full name of a `feature` or `feature.scale` of one channel in one region."""
    feature, dot, scale = key.partition(".")
    return f"{family}.{feature}.{region}.{channel}{dot}{scale}"
