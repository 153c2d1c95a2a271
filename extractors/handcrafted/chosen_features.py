"""Choice of single columns of the feature families by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import pi, sqrt

from extractors.handcrafted.framework.cell_regions import OUTLINE_REGIONS, CellRegions
from extractors.handcrafted.framework.family import Family
from extractors.handcrafted.framework.feature import Column, Feature
from extractors.handcrafted.framework.status import FeatureValues, Status

SUGGESTIONS = 3
"""Number of similar names in the message on an unknown one."""

DIAMETER = Feature("equivalent_diameter", "2 sqrt(A / pi)", "px", "[1.12, inf)", "scikit-image regionprops")

DERIVED: Mapping[str, tuple[Column, str]] = {
    f"size.equivalent_diameter.{region}": (
        Column(f"size.equivalent_diameter.{region}", DIAMETER),
        f"size.area.{region}",
    )
    for region in OUTLINE_REGIONS
}
"""Columns that are functions of another one, whose name is given: not part of a family, and computed only by name."""


@dataclass(frozen=True)
class ChosenFeatures:
    """Measures the columns of a family that were chosen, and those derived of it; see `Family.measure`.

    Parameters
    ----------
    family : Family
        Measures all of its columns.
    names : tuple of str
        Columns of the family.
    derived : tuple of str
        Names of `DERIVED`.
    """

    family: Family
    names: tuple[str, ...]
    derived: tuple[str, ...]

    def __call__(self, cell: CellRegions) -> FeatureValues:
        """Value or status of each chosen column of a cell."""
        values = self.family.measure(cell)
        return {
            **{name: values[name] for name in self.names},
            **{name: _diameter(values[DERIVED[name][1]]) for name in self.derived},
        }


def chosen_families(families: Iterable[Family], features: Sequence[str] | str) -> list[Family]:
    """Reduce families to the columns that are named; a family without one is not measured.

    Parameters
    ----------
    families : iterable of Family
        All families from which columns may be chosen.
    features : sequence of str or str
        Names of their columns and of `DERIVED`. The columns stay in the order of the families; a derived one follows
        those of the family of which it is derived.

    Raises
    ------
    ValueError
        No name, or one that is no column of the families; similar ones are suggested.
    """
    every = list(families)
    wanted = [features] if isinstance(features, str) else list(features)
    known = [column.name for family in every for column in family.columns]
    known += [name for name, (_, source) in DERIVED.items() if source in known]
    if not wanted:
        raise ValueError("features: expected at least one name of a column")
    for name in wanted:
        if name not in known:
            similar = ", ".join(_similar(name, known))
            raise ValueError(f"unknown feature {name!r}; similar ones are {similar}; see bench features catalogue")
    chosen = (_chosen(family, set(wanted)) for family in every)
    return [family for family in chosen if family.columns]


def _chosen(family: Family, wanted: set[str]) -> Family:
    own = {column.name for column in family.columns}
    columns = tuple(column for column in family.columns if column.name in wanted)
    derived = tuple(name for name, (_, source) in DERIVED.items() if name in wanted and source in own)
    measure = ChosenFeatures(family, tuple(column.name for column in columns), derived)
    return Family((*columns, *(DERIVED[name][0] for name in derived)), measure)


def _diameter(area: float | Status) -> float | Status:
    """Diameter of the disc with an area, in the unit of length of the area."""
    return area if isinstance(area, Status) else 2 * sqrt(area / pi)


def _similar(name: str, known: Sequence[str]) -> list[str]:
    """Return the most similar names: those with the most common words, then with the most common letters."""
    words = set(re.split(r"[._]", str(name).lower()))

    def similarity(other: str) -> tuple[int, float]:
        return len(words & set(re.split(r"[._]", other))), SequenceMatcher(None, str(name), other).ratio()

    return sorted(known, key=similarity, reverse=True)[:SUGGESTIONS]
