"""Print feature catalogues and summaries of extracted features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console, counted
from bench.plugins.feature_catalogue import Catalogue, Row, family_of
from bench.plugins.pipeline import prepared_name

if TYPE_CHECKING:
    from bench.features.table import FeatureTable

EXACT = 1e-6
"""Largest relative change that counts as rounding."""


def show_catalogue(catalogue: Catalogue) -> None:
    """Print one table per family, with one row per feature and its regions, channels and scales."""
    families: dict[str, list[Row]] = {}
    for row in catalogue.rows:
        families.setdefault(family_of(row), []).append(row)
    if not catalogue.described:
        _show_names(catalogue)
        return
    for family, rows in families.items():
        _show_family(family, rows)
    console.print(
        f"\n{escape(catalogue.extractor)}: {counted(len(catalogue.rows), 'column')}. "
        "Names are family.feature.region.channel.scale. "
        "Turned: change under quarter turns and flips. Sources: --format csv, json or markdown.",
        style="dim",
    )


def show_extraction(table: FeatureTable) -> None:
    """Print the size of a table of features, and the number of missing values by reason."""
    cells = table.cells
    values, patients = len(cells) * len(table.names), table.cells["patient"].nunique()
    name = prepared_name(table.prepare, table.extractor)
    console.print(
        f"[bold]{escape(name)}[/bold]: {counted(len(cells), 'cell')} of {counted(patients, 'patient')}, "
        f"{counted(len(table.names), 'column')} of features"
    )
    reasons = table.missing
    total = sum(reasons.values())
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    missing = f"{total} ({percent(total / values)}): {why}" if total else "none"
    console.print(f"missing values: {escape(missing)}")
    if table.extracted:
        rate = table.extracted / table.seconds
        console.print(f"{table.extracted} cells extracted in {table.seconds:.1f} s: {rate:.1f} cells/s")
    else:
        console.print("read from the feature store; no cell was extracted")


def turned(turns: float) -> str:
    """Return the change under quarter turns and flips as a word or in percent."""
    if turns == math.inf:
        return "changes"
    return "exact" if turns <= EXACT else percent(turns)


def percent(share: float) -> str:
    """Return a share in percent with two digits; `100 %` only for a share of 1, `over 99 %` just below it."""
    text = f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.2g}"
    return "over 99 %" if text == "100" and share < 1 else f"{text} %"


def _show_names(catalogue: Catalogue) -> None:
    for row in catalogue.rows:
        console.print(row["name"], markup=False, soft_wrap=True)
    console.print(
        f"\n{escape(catalogue.extractor)}: {counted(len(catalogue.rows), 'column')}; "
        "the extractor provides names only, without formulas.",
        style="dim",
    )


def _show_family(family: str, rows: Sequence[Row]) -> None:
    lines = _by_feature(rows)
    places = [_places(members) for members in lines.values()]
    same = len(set(places)) == 1
    features = len({feature for feature, *_ in lines})
    of = f" of {places[0]}" if same and places[0] else ""
    console.print(
        f"\n[bold]{escape(family)}[/bold]: {counted(features, 'feature')}{escape(of)}, {counted(len(rows), 'column')}"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("feature", no_wrap=True)
    if not same:
        table.add_column("of", overflow="fold", min_width=16)
    for name in ("unit", "range", "turned"):
        table.add_column(name, no_wrap=True)
    table.add_column("formula", overflow="fold", min_width=20)
    for (feature, unit, extent, turns, formula), place in zip(lines, places, strict=True):
        cells = (feature, *([] if same else [place]), unit, extent, turned(turns), formula)
        table.add_row(*map(escape, cells))
    console.print(table)


def _by_feature(rows: Sequence[Row]) -> dict[tuple[Any, ...], list[Row]]:
    """Group the rows of one family by feature, unit, range, invariance and formula."""
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        properties = tuple(row[k] for k in ("unit", "range", "turns", "formula"))
        grouped.setdefault((_feature(row), *properties), []).append(row)
    return grouped


def _places(members: Sequence[Mapping[str, Any]]) -> str:
    """Return the regions, channels and scales of a feature, each once."""
    tails = [str(row["name"]).split(".")[2:] for row in members]
    width = max(map(len, tails), default=0)
    parts = [dict.fromkeys(tail[i] for tail in tails if i < len(tail)) for i in range(width)]
    return "; ".join(", ".join(part) for part in parts)


def _feature(row: Mapping[str, Any]) -> str:
    parts = str(row["name"]).split(".")
    return parts[1] if len(parts) > 1 else parts[0]
