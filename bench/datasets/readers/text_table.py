"""Rows of a CSV or Parquet file as text, with their row numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from bench.datasets.canonical_names import text_of
from bench.errors import BenchError, did_you_mean

if TYPE_CHECKING:
    from _csv import Reader

MAX_BYTES = 2 * 1024**3
"""Largest file that is read, about ten million rows."""

SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})


@dataclass(frozen=True)
class Rows:
    """Selected columns of a file.

    Parameters
    ----------
    file : Path
        Path of the file.
    columns : dict of str to list of str
        Values as text, unconverted in a CSV file (`"007"`, `"NA"`); those of a Parquet file by `text_of`.
    numbers : list of int
        Row number of each entry. CSV: line where the row begins, the header is 1. Parquet: the first row is 1.
    """

    file: Path
    columns: dict[str, list[str]]
    numbers: list[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def at(self, index: int) -> str:
        """Return file and row number of an entry, for error messages."""
        return f"{self.file}, row {self.numbers[index]}"


def read_rows(file: Path, *, required: Sequence[str], optional: Iterable[str] = (), comments: bool = False) -> Rows:
    """Read the named columns of a CSV (comma, semicolon or tab; UTF-8) or Parquet file.

    Rows with only empty fields are skipped.

    Parameters
    ----------
    file : Path
        Parquet if the suffix is `.parquet`, otherwise CSV.
    required, optional : str
        Names of columns; missing optional ones are absent from the result.
    comments : bool
        Skip lines before the header of a CSV file that begin with `#`.

    Raises
    ------
    BenchError
        The file is too large, not UTF-8, malformed or empty, has a column twice or lacks a required one.
    """
    _check_size(file)
    names = [*required, *optional]
    try:
        if file.suffix.lower() == ".parquet":
            rows = _read_parquet(file, names, required)
        else:
            rows = _read_csv(file, names, required, comments=comments)
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror or error})") from error
    if not len(rows):
        raise BenchError(f"{file}: the file has no rows")
    return rows


def _check_size(file: Path) -> None:
    try:
        size = file.stat().st_size
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror})") from error
    if size > MAX_BYTES:
        raise BenchError(f"{file}: {size / 1024**3:.1f} GiB; the limit is {MAX_BYTES / 1024**3:g} GiB; split the file")
    if size == 0:
        raise BenchError(f"{file}: the file is empty")


def _check_columns(file: Path, present: Sequence[str], required: Sequence[str]) -> None:
    twice = next((name for name in present if present.count(name) > 1), None)
    if twice is not None:
        raise BenchError(f"{file}: the column {twice!r} occurs twice")
    for name in required:
        if name not in present:
            hint = did_you_mean(name, present)
            raise BenchError(f"{file}: there is no column {name!r}.{hint} Its columns are: {', '.join(present)}.")


def _read_csv(file: Path, wanted: Sequence[str], required: Sequence[str], *, comments: bool) -> Rows:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            above, header = 0, stream.readline()
            while comments and header.startswith("#"):
                above, header = above + 1, stream.readline()
            lines = csv.reader(chain([header], stream), delimiter=max(",;\t", key=header.count), strict=True)
            return _csv_rows(file, _numbered(file, lines, above), wanted, required)
    except UnicodeDecodeError as error:
        raise BenchError(f"{file}: not UTF-8 text (byte {error.start}); save it as CSV UTF-8") from error


def _csv_rows(
    file: Path, numbered: Iterator[tuple[int, list[str]]], wanted: Sequence[str], required: Sequence[str]
) -> Rows:
    _, first = next(numbered, (1, []))
    header = [name.strip() for name in first]
    _check_columns(file, header, required)
    places = {name: header.index(name) for name in wanted if name in header}
    columns: dict[str, list[str]] = {name: [] for name in places}
    numbers = []
    for number, fields in numbered:
        if len(fields) != len(header):
            raise BenchError(f"{file}, row {number}: {len(fields)} fields, but the header has {len(header)}")
        numbers.append(number)
        for name, place in places.items():
            columns[name].append(fields[place])
    return Rows(file, columns, numbers)


def _numbered(file: Path, lines: Reader, above: int) -> Iterator[tuple[int, list[str]]]:
    number = above + 1
    try:
        for fields in lines:
            if any(fields):
                yield number, fields
            number = above + lines.line_num + 1
    except csv.Error as error:
        raise BenchError(f"{file}, row {number}: malformed CSV ({error})") from error


def _read_parquet(file: Path, wanted: Sequence[str], required: Sequence[str]) -> Rows:
    try:
        names = pq.read_schema(file).names
        _check_columns(file, names, required)
        table = pq.read_table(file, columns=[name for name in wanted if name in names])
        values = {name: table.column(name).to_pylist() for name in table.column_names}
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise BenchError(f"{file}: not a Parquet file of text columns ({error})") from error
    columns = {name: _texts(file, name, column) for name, column in values.items()}
    filled = [i for i in range(table.num_rows) if any(texts[i] for texts in columns.values())]
    return Rows(file, {name: [texts[i] for i in filled] for name, texts in columns.items()}, [i + 1 for i in filled])


def _texts(file: Path, name: str, column: Sequence[object]) -> list[str]:
    texts = []
    for row, value in enumerate(column, start=1):
        try:
            texts.append(text_of(value))
        except ValueError as error:
            raise BenchError(f"{file}, row {row}: the column {name!r} cannot be read: {error}") from error
    return texts
