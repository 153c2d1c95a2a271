"""Text in CSV files: no spreadsheet program runs it as a formula, and no character is invisible; reversible."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pandas as pd

from bench.errors import printable

_SIGN = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"[\s']*{_SIGN}")
"""Beginning of a formula, also with full-width signs; spaces and apostrophes before it are skipped."""

_NEXT_FIELD = re.compile(rf"(;[\s'\"]*)({_SIGN})")
"""The same after a semicolon, at which programs in many languages split a row."""

_ESCAPE = re.compile(r"\\(?:[tr\\]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})")


def csv_text(text: str) -> str:
    r"""Return a text as it is written to CSV.

    Control and invisible characters become escape sequences such as `\u202e`, and so does the first sign of a formula
    after a semicolon. A text that begins like a formula has an apostrophe before it. Where a text has such sequences,
    its own backslashes are doubled, so that `from_csv_text` returns every text unchanged.
    """
    if _ESCAPE.search(text) or _NEXT_FIELD.search(text) or printable(text) != text:
        text = printable(text.replace("\\", r"\\"))
        text = _NEXT_FIELD.sub(lambda match: match[1] + _escaped(match[2]), text)
    return f"'{text}" if _FORMULA.match(text) else text


def from_csv_text(text: str) -> str:
    """Return the text of which `csv_text` returns `text`."""
    if text.startswith("'") and _FORMULA.match(text, 1):
        text = text[1:]
    return _ESCAPE.sub(lambda match: str(ast.literal_eval(f"'{match[0]}'")), text)


def write_csv(table: pd.DataFrame, file: Path | IO[str], *, line_end: str | None = None) -> None:
    """Write a table as CSV without its index; texts and names of columns as by `csv_text`."""
    texts = {
        str(name): [csv_text(value) if isinstance(value, str) else value for value in column]
        for name, column in table.items()
        if not pd.api.types.is_numeric_dtype(column)
    }
    table.assign(**texts).rename(columns=csv_text).to_csv(file, index=False, lineterminator=line_end)


def read_back(path: Path, marker: str, texts: Iterable[str]) -> list[str]:
    """Return the texts of a column of a CSV file, of which those that this package wrote are converted back.

    Parameters
    ----------
    path : Path
        The file; one written by hand, or a Parquet file, contains the texts themselves.
    marker : str
        Beginning of the first line of files that this package wrote.
    texts : iterable of str
        Values of the column.
    """
    if path.suffix.lower() == ".parquet":
        return list(texts)
    with path.open(encoding="utf-8-sig") as file:
        ours = file.readline(200).startswith(marker)
    return [from_csv_text(text) for text in texts] if ours else list(texts)


def _escaped(sign: str) -> str:
    return f"\\x{ord(sign):02x}" if sign.isascii() else f"\\u{ord(sign):04x}"
