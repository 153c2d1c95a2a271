"""Rows of a CSV or Parquet file as text, with their row numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bench.datasets.canonical_names import text_of
from bench.datasets.readers.columns import check_columns
from bench.datasets.readers.quoting import joins_rows, quoted_value
from bench.errors import BenchError, shortened
from bench.storage.parquet_files import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, open_parquet
from extractors.files.regular import open_regular

if TYPE_CHECKING:
    from _csv import Reader

    from pyarrow import Array

MAX_LINE = 1_000_000
"""Longest line of a CSV file, in characters."""

MAX_VALUE = 4096
"""Longest value of a column that is read, in characters; that of a path on Linux."""

_ROWS_AT_A_TIME = 65536

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
        The file is not a regular file, too large, not UTF-8, malformed or empty; it has too many rows or columns, or
        too long a line or value; a column is missing, occurs twice or is written in another way; a value is wrapped in
        quotes, or stray quotes join rows.
    """
    names = [*required, *optional]
    if file.suffix.lower() == ".parquet":
        rows = _read_parquet(file, names, required)
    else:
        rows = _read_csv(file, names, required, comments=comments)
    if not len(rows):
        raise BenchError(f"{file}: the file has no rows")
    check_plain(rows)
    return rows


def check_plain(rows: Rows) -> None:
    """Check that no value is too long or wrapped in quotes.

    Raises
    ------
    BenchError
        A value is; the message contains the row.
    """
    for name, texts in rows.columns.items():
        if (longest := max(map(len, texts), default=0)) > MAX_VALUE:
            index = next(index for index, text in enumerate(texts) if len(text) == longest)
            raise BenchError(
                f"{rows.at(index)}: {name!r} has {longest} characters ({shortened(texts[index])!r}); at most "
                f"{MAX_VALUE} are read"
            )
    quoted = quoted_value(rows.columns)
    if quoted is not None:
        index, name, why = quoted
        raise BenchError(f"{rows.at(index)}: {name!r} is {shortened(rows.columns[name][index])!r}; {why}; remove them")


def _read_csv(file: Path, wanted: Sequence[str], required: Sequence[str], *, comments: bool) -> Rows:
    try:
        with (
            open_regular(file, limit=MAX_BYTES) as binary,
            io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream,
        ):
            lines = _Lines(file, stream)
            above, header = 0, lines.first()
            while comments and header.startswith("#"):
                above, header = above + 1, lines.first()
            if not header and not above:
                raise BenchError(f"{file}: the file is empty")
            records = csv.reader(lines, delimiter=max(",;\t", key=header.count), strict=True)
            return _csv_rows(file, _numbered(file, records, lines, above), wanted, required)
    except UnicodeDecodeError as error:
        raise BenchError(f"{file}: not UTF-8 text (byte {error.start}); save it as CSV UTF-8") from error
    except OSError as error:
        raise BenchError(f"{file}: cannot be read ({error.strerror or error})") from error


def _csv_rows(
    file: Path, numbered: Iterator[tuple[int, list[str]]], wanted: Sequence[str], required: Sequence[str]
) -> Rows:
    _, first = next(numbered, (1, []))
    header = [name.strip() for name in first]
    if len(header) > MAX_COLUMNS:
        raise BenchError(f"{file}: {len(header)} columns; at most {MAX_COLUMNS} are read")
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
    """Lines of a CSV file, as many and as long as the limits allow.

    `of_record` holds those that were read since it was last cleared.
    """

    def __init__(self, file: Path, stream: TextIO) -> None:
        self._file, self._stream, self._count = file, stream, 0
        self.of_record: list[str] = []

    def first(self) -> str:
        """Return the next line; `of_record` then holds only it."""
        self.of_record = [self._next()]
        return self.of_record[0]

    def __iter__(self) -> Iterator[str]:
        yield from self.of_record
        while line := self._next():
            self.of_record.append(line)
            yield line

    def _next(self) -> str:
        line = self._stream.readline(MAX_LINE + 1)
        self._count += 1
        if len(line) > MAX_LINE:
            raise BenchError(f"{self._file}, row {self._count}: a line of more than {MAX_LINE} characters")
        if self._count > MAX_ROWS and line:
            raise BenchError(f"{self._file}: more than {MAX_ROWS} lines; split the file")
        return line


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
    with open_parquet(file, ()) as opened:
        stored = opened.schema_arrow.names
    names = [name.strip() for name in stored]
    check_columns(file, names, required, wanted)
    places = {name: stored[names.index(name)] for name in wanted if name in names}
    columns: dict[str, list[str]] = {name: [] for name in places}
    numbers: list[int] = []
    with open_parquet(file, places.values()) as opened:
        first = 1
        for batch in opened.iter_batches(_ROWS_AT_A_TIME, columns=list(places.values()), use_threads=False):
            texts = {name: _texts(file, name, batch.column(place), first) for name, place in places.items()}
            filled = [row for row in range(batch.num_rows) if any(column[row] for column in texts.values())]
            for name, column in texts.items():
                columns[name] += [column[row] for row in filled]
            numbers += [first + row for row in filled]
            first += batch.num_rows
    return Rows(file, columns, numbers, tuple(names))


def _texts(file: Path, name: str, column: Array, first: int) -> list[str]:
    """Return the values of a batch whose first row is number `first`; equal values of a dictionary are one object."""
    import pyarrow as pa  # noqa: PLC0415 (for Parquet files only)

    encoded = isinstance(column, pa.DictionaryArray)
    stored = column.dictionary if encoded else column
    _check_values(file, name, stored)
    try:
        values = stored.to_pylist()
    except (ArithmeticError, LookupError, ValueError) as error:  # dates after the year 9999, unknown time zones
        reason = shortened(str(error), 200)
        raise BenchError(f"{file}: the column {name!r} has values that cannot be read: {reason}") from error
    places = column.indices.to_pylist() if encoded else range(len(values))
    known: dict[int | None, str] = {None: ""}
    for row, place in enumerate(places, start=first):
        if place not in known:
            try:
                known[place] = text_of(values[place])
            except ValueError as error:
                reason = shortened(str(error), 200)
                raise BenchError(f"{file}, row {row}: the column {name!r} cannot be read: {reason}") from error
    return [known[place] for place in places]


def _check_values(file: Path, name: str, values: Array) -> None:
    """Refuse values that are too many or too long, before they become Python objects."""
    import pyarrow as pa  # noqa: PLC0415 (as above)
    from pyarrow import compute  # noqa: PLC0415

    if len(values) > MAX_ROWS:
        raise BenchError(f"{file}: the column {name!r} has a dictionary of {len(values)} values")
    if pa.types.is_binary(values.type) or pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        longest = compute.max(compute.binary_length(values)).as_py() or 0
        if longest > 4 * MAX_VALUE:
            raise BenchError(
                f"{file}: the column {name!r} has a value of {longest} bytes; at most {MAX_VALUE} characters are read"
            )
