"""Catalogue of the columns of an extractor: formula, unit, range, change under quarter turns and source."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError, did_you_mean, printable
from bench.plugins import registry
from bench.plugins.plugin import Plugin
from bench.storage.csv_text import write_csv
from bench.storage.exports import output_file

FIELDS = ("name", "formula", "unit", "range", "turns", "source")
"""Columns of the catalogue; `turns` is the largest relative change under quarter turns and flips."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """The columns of one extractor.

    Parameters
    ----------
    extractor : str
        Selector of the extractor.
    rows : tuple of dict
        One row per column, in the order of the features, with the keys `FIELDS`; all but the name are None if
        `described` is False. `turns` is infinite for a feature that depends on the orientation.
    described : bool
        Whether the extractor describes its columns beyond their names.
    """

    extractor: str
    rows: tuple[Row, ...]
    described: bool


def catalogue(selector: str, families: Sequence[str] = ()) -> Catalogue:
    """Return the columns of an extractor.

    Parameters
    ----------
    selector : str
        Selector of an extractor or model.
    families : sequence of str
        Families to include, the first parts of the names such as `glcm`; empty: all.

    Raises
    ------
    BenchError
        An extractor, parameter or family is unknown, the columns are known only after a fit, or weights are missing.
    """
    plugin = registry.extractor(selector)
    rows = described(plugin)
    columns = tuple(rows or ({**dict.fromkeys(FIELDS), "name": name} for name in _names(plugin)))
    known = list(dict.fromkeys(family_of(row) for row in columns))
    for family in families:
        if family not in known:
            raise BenchError(
                f"{plugin.selector} has no family {family!r}.{did_you_mean(family, known)} "
                f"It has {', '.join(known[:40])}."
            )
    chosen = tuple(row for row in columns if not families or family_of(row) in families)
    return Catalogue(plugin.selector, chosen, described=bool(rows))


def described(plugin: Plugin) -> list[Row]:
    """Return a row with the keys `FIELDS` for each column; empty for an extractor without a method `catalogue`.

    Raises
    ------
    BenchError
        A parameter of the extractor is invalid, or its method `catalogue` fails.
    """
    extractor = plugin.build()
    if not hasattr(extractor, "catalogue"):
        return []
    with _reading(plugin, "its catalogue"):
        return [{name: _value(column, name) for name in FIELDS} for column in extractor.catalogue()]


def family_of(row: Mapping[str, Any]) -> str:
    """Return the first part of the name of a column."""
    return str(row["name"]).partition(".")[0]


def as_csv(catalogue: Catalogue) -> str:
    """Format as CSV with a header; an infinite change is `inf`."""
    text = io.StringIO()
    write_csv(pd.DataFrame(catalogue.rows, columns=FIELDS), text, line_end="\n")
    return text.getvalue()


def as_json(catalogue: Catalogue) -> str:
    """Format as a JSON object with `extractor` and `features`; an infinite change is the string `inf`."""
    rows = [{k: "inf" if k == "turns" and v == math.inf else v for k, v in row.items()} for row in catalogue.rows]
    return json.dumps({"extractor": catalogue.extractor, "features": rows}, indent=1, allow_nan=False) + "\n"


def as_markdown(catalogue: Catalogue) -> str:
    """Format as a Markdown table with one line per column."""
    lines = [_line(FIELDS), _line("---" for _ in FIELDS)]
    for row in catalogue.rows:
        lines.append(_line([_code(row["name"]), *("" if row[k] is None else _plain(row[k]) for k in FIELDS[1:])]))
    return "\n".join(lines) + "\n"


WRITERS: Mapping[str, Callable[[Catalogue], str]] = {"csv": as_csv, "json": as_json, "markdown": as_markdown}
"""Formatting functions by format."""


def write(catalogue: Catalogue, format: str, path: Path) -> None:
    """Write a catalogue atomically, replacing an existing file.

    Raises
    ------
    BenchError
        The format is for the terminal only, or the file cannot be written.
    """
    if format not in WRITERS:
        raise BenchError(f"--output needs a complete catalogue; add --format {', '.join(WRITERS)}")
    with output_file(path) as temporary:
        temporary.write_text(WRITERS[format](catalogue), encoding="utf-8")


def _value(column: Any, name: str) -> Any:
    if name == "name":
        return str(column.name)
    value = getattr(column.feature, name)
    return float(value) if name == "turns" else str(value)


def _names(plugin: Plugin) -> list[str]:
    if plugin.requires_fit:
        raise BenchError(f"{plugin.selector} is fitted on training patients; its columns are known only after a fit")
    with _reading(plugin, "the names of its columns"):
        return [str(name) for name in plugin.build().get_feature_names_out()]


@contextmanager
def _reading(plugin: Plugin, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise BenchError(f"{plugin.selector}: {error}") from error
    except Exception as error:  # a third-party extractor may raise anything
        raise BenchError(f"{plugin.selector}: {what} cannot be read: {error}") from error


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(text: str) -> str:
    """Format as code in a cell of a Markdown table."""
    return "`" + printable(text).replace("\n", " ").replace("`", "'").replace("|", "\\|") + "`"


def _plain(value: object) -> str:
    """Format as text in a cell of a Markdown table, without HTML or links."""
    text = printable(str(value)).replace("\n", " ").replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("<", "&lt;").replace("](", "]\\(")
