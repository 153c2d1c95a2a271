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
from bench.datasets.readers.columns import check_columns
from bench.datasets.readers.quoting import joins_rows, quoted_value
from bench.errors import BenchError

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
    present : tuple of str
        Names of all columns of the file.
    """

    file: Path
    columns: dict[str, list[str]]
    numbers: list[int]
    present: tuple[str, ...] = ()

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
        The file is too large, not UTF-8, malformed or empty; a column is missing, occurs twice or is written in another
        way; a value is wrapped in quotes, or stray quotes join rows.
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
    check_plain(rows)
    return rows


def check_plain(rows: Rows) -> None:
    """Check that no value is wrapped in quotes.

    Raises
    ------
    BenchError
        A value is; the message contains the row.
    """
    quoted = quoted_value(rows.columns)
    if quoted is not None:
        index, name, why = quoted
        raise BenchError(f"{rows.at(index)}: {name!r} is {rows.columns[name][index]!r}; {why}; remove them")


def _check_size(file: Path) -> None:
    try:
        size = file.stat().st_size
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror})") from error
    if size > MAX_BYTES:
        raise BenchError(f"{file}: {size / 1024**3:.1f} GiB; the limit is {MAX_BYTES / 1024**3:g} GiB; split the file")
    if size == 0:
        raise BenchError(f"{file}: the file is empty")


def _read_csv(file: Path, wanted: Sequence[str], required: Sequence[str], *, comments: bool) -> Rows:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            above, header = 0, stream.readline()
            while comments and header.startswith("#"):
                above, header = above + 1, stream.readline()
            lines = _Lines(header, stream)
            records = csv.reader(lines, delimiter=max(",;\t", key=header.count), strict=True)
            return _csv_rows(file, _numbered(file, records, lines, above), wanted, required)
    except UnicodeDecodeError as error:
        raise BenchError(f"{file}: not UTF-8 text (byte {error.start}); save it as CSV UTF-8") from error


def _csv_rows(
    file: Path, numbered: Iterator[tuple[int, list[str]]], wanted: Sequence[str], required: Sequence[str]
) -> Rows:
    _, first = next(numbered, (1, []))
    header = [name.strip() for name in first]
    check_columns(file, header, required, wanted)
    places = {name: header.index(name) for name in wanted if name in header}
    columns: dict[str, list[str]] = {name: [] for name in places}
    numbers = []
    for number, fields in numbered:
        if len(fields) != len(header):
            raise BenchError(f"{file}, row {number}: {len(fields)} fields, but the header has {len(header)}")
        numbers.append(number)
        for name, place in places.items():
            columns[name].append(fields[place])
    return Rows(file, columns, numbers, tuple(header))


class _Lines:
    """Lines of a CSV file; `of_record` holds those that were read since it was last cleared."""

    def __init__(self, header: str, stream: Iterator[str]) -> None:
        self._lines = chain([header], stream)
        self.of_record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.of_record.append(line)
            yield line


def _numbered(file: Path, records: Reader, lines: _Lines, above: int) -> Iterator[tuple[int, list[str]]]:
    number, columns = above + 1, 0
    try:
        for fields in records:
            columns = columns or len(fields)
            if joins_rows(lines.of_record, records.dialect.delimiter, columns):
                raise BenchError(
                    f"{file}, row {number}: a quoted field spans {len(lines.of_record)} lines that look like rows of "
                    "their own; remove the stray quotes, or the line breaks within the field"
                )
            lines.of_record.clear()
            if any(fields):
                yield number, fields
            number = above + records.line_num + 1
    except csv.Error as error:
        raise BenchError(f"{file}, row {number}: malformed CSV ({error})") from error


def _read_parquet(file: Path, wanted: Sequence[str], required: Sequence[str]) -> Rows:
    try:
        stored = pq.read_schema(file).names
        names = [name.strip() for name in stored]
        check_columns(file, names, required, wanted)
        places = {name: stored[names.index(name)] for name in wanted if name in names}
        table = pq.read_table(file, columns=list(places.values()))
        values = {name: table.column(place).to_pylist() for name, place in places.items()}
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise BenchError(f"{file}: not a Parquet file of text columns ({error})") from error
    columns = {name: _texts(file, name, column) for name, column in values.items()}
    filled = [i for i in range(table.num_rows) if any(texts[i] for texts in columns.values())]
    return Rows(
        file,
        {name: [texts[i] for i in filled] for name, texts in columns.items()},
        [i + 1 for i in filled],
        tuple(names),
    )


def _texts(file: Path, name: str, column: Sequence[object]) -> list[str]:
    texts = []
    for row, value in enumerate(column, start=1):
        try:
            texts.append(text_of(value))
        except ValueError as error:
            raise BenchError(f"{file}, row {row}: the column {name!r} cannot be read: {error}") from error
    return texts
