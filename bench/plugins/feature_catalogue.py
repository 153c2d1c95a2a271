"""What an extractor says of its columns: formula, unit, range, change under turns, source; as rows and as text."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, did_you_mean
from bench.plugins import registry
from bench.plugins.registry import Plugin
from bench.storage.exports import output_file

FIELDS = ("name", "formula", "unit", "range", "turns", "source")
"""Columns of the written catalogue; `turns` is the largest relative change under quarter turns and flips."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """The columns of one extractor.

    Parameters
    ----------
    extractor : str
        Its selector.
    rows : tuple of dict
        One a column, in the order of the matrix, with the keys `FIELDS`; all but the name are None where `described` is
        False. `turns` is infinite for a feature that depends on how the cell lies.
    described : bool
        Whether the extractor tells more of its columns than their names.
    """

    extractor: str
    rows: tuple[Row, ...]
    described: bool


def catalogue(selector: str, families: Sequence[str] = ()) -> Catalogue:
    """The columns of an extractor, of some of its families or of all.

    Parameters
    ----------
    selector : str
        Extractor or model.
    families : sequence of str
        First parts of the names, such as `glcm`; empty: all.

    Raises
    ------
    BenchError
        Unknown extractor, parameter or family; an extractor whose columns are known after a fit only; weights that are
        not to be had.
    """
    plugin = registry.extractor(selector)
    rows = described(plugin)
    found = tuple(rows or ({**dict.fromkeys(FIELDS), "name": name} for name in _names(plugin)))
    known = list(dict.fromkeys(family_of(row) for row in found))
    for family in families:
        if family not in known:
            raise BenchError(
                f"{plugin.selector} has no family {family!r}.{did_you_mean(family, known)} "
                f"It has {', '.join(known[:40])}."
            )
    chosen = tuple(row for row in found if not families or family_of(row) in families)
    return Catalogue(plugin.selector, chosen, described=bool(rows))


def described(plugin: Plugin) -> list[Row]:
    """A row with the keys `FIELDS` for each column; empty for an extractor without a method `catalogue`.

    Raises
    ------
    BenchError
        A parameter of the extractor makes no sense.
    """
    extractor = plugin.build()
    if not hasattr(extractor, "catalogue"):
        return []
    try:
        return [{name: _told(column, name) for name in FIELDS} for column in extractor.catalogue()]
    except ValueError as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    except Exception as error:  # a third party's catalogue may raise anything
        raise BenchError(f"{plugin.selector}: its catalogue cannot be read: {error}") from error


def family_of(row: Mapping[str, Any]) -> str:
    """The first part of a column's name."""
    return str(row["name"]).partition(".")[0]


def as_csv(found: Catalogue) -> str:
    """One line a column under a head line; an infinite change is `inf`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    return text.getvalue()


def as_json(found: Catalogue) -> str:
    """An object with `extractor` and `features`, a list of objects; an infinite change is the string `inf`."""
    rows = [{k: "inf" if k == "turns" and v == math.inf else v for k, v in row.items()} for row in found.rows]
    return json.dumps({"extractor": found.extractor, "features": rows}, indent=1, allow_nan=False) + "\n"


def as_markdown(found: Catalogue) -> str:
    """A table in Markdown, one line a column."""
    lines = [_line(FIELDS), _line("---" for _ in FIELDS)]
    for row in found.rows:
        lines.append(_line([f"`{row['name']}`", *("" if row[k] is None else str(row[k]) for k in FIELDS[1:])]))
    return "\n".join(lines) + "\n"


WRITERS: Mapping[str, Callable[[Catalogue], str]] = {"csv": as_csv, "json": as_json, "markdown": as_markdown}
"""How a catalogue becomes text, by format."""


def write(found: Catalogue, format: str, path: Path) -> None:
    """Write a catalogue whole, replacing what is there.

    Raises
    ------
    BenchError
        A format for the terminal alone, or a place that cannot be written.
    """
    if format not in WRITERS:
        raise BenchError(f"--output takes a catalogue in full; add --format {', '.join(WRITERS)}")
    with output_file(path) as temporary:
        temporary.write_text(WRITERS[format](found), encoding="utf-8")


def _told(column: Any, name: str) -> Any:
    if name == "name":
        return str(column.name)
    value = getattr(column.feature, name)
    return float(value) if name == "turns" else str(value)


def _names(plugin: Plugin) -> list[str]:
    if plugin.requires_fit:
        raise BenchError(f"{plugin.selector} learns from the training patients; its columns are known after a fit only")
    try:
        return [str(name) for name in plugin.build().get_feature_names_out()]
    except (OSError, ValueError) as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    except Exception as error:  # a third party's extractor may raise anything
        raise BenchError(f"{plugin.selector}: the names of its columns cannot be read: {error}") from error


def _line(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
