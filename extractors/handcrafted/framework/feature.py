"""Descriptions of features and columns for the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXACT = 1e-6
"""Tolerance of features that are invariant under quarter turns and flips up to rounding."""

ANY = float("inf")
"""Tolerance of features that depend on the orientation of the cell."""


@dataclass(frozen=True)
class Feature:
    """One measured quantity, independent of region, channel and scale.

    Parameters
    ----------
    name : str
        Unique within the family.
    formula : str
        Plain text.
    unit : str
        `1` for a dimensionless number; `px` and `px^2` become micrometres if the scale is known.
    range : str
        Interval of the possible values.
    source : str
        Reference of the definition.
    turns : float
        Largest relative change under quarter turns and flips of the image: `EXACT` for rounding only, `ANY` if the
        feature depends on the orientation of the cell.
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
        Full name.
    feature : Feature
        Description of the values.
    """

    name: str
    feature: Feature


def keyed(features: Iterable[Feature], scales: Iterable[str] = ()) -> dict[str, Feature]:
    """Features by `feature`, or by `feature.scale` for each scale, scale by scale."""
    table = tuple(features)
    scaled = {f"{feature.name}.{scale}": feature for scale in scales for feature in table}
    return scaled or {feature.name: feature for feature in table}


def column_name(family: str, key: str, *site: str) -> str:
    """Full name of a `feature` or `feature.scale` of one region, or of one channel of one region."""
    feature, *scale = key.split(".", 1)
    return ".".join([family, feature, *site, *scale])
