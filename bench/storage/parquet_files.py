"""Open Parquet files whose footers are within limits, before memory is taken for their values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.errors import BenchError, shortened
from bench.storage.parquet_pages import unpacked_size
from extractors.files.regular import open_regular

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAX_BYTES = 256 * 1024**2
"""Largest Parquet file, and largest table of text, that is read, in bytes."""

MAX_ROWS = 1_000_000
MAX_COLUMNS = 10_000
MAX_UNPACKED = 2 * MAX_BYTES
"""Largest size of the columns that are read, in bytes, decompressed."""

_MAX_FOOTER = 16 * 1024**2
_MAX_LIST = 200_000
"""Longest list in a footer: of columns, row groups or columns of a row group."""

_END = 8
_MAGIC = b"PAR1"


@contextmanager
def open_parquet(path: Path, columns: Collection[str] | None = None) -> Iterator[ParquetFile]:
    """Yield an open Parquet file; text columns are read as dictionaries, so that repeated values are stored once.

    Parameters
    ----------
    path : Path
        A regular file.
    columns : collection of str, optional
        Columns that will be read. Default: all.

    Raises
    ------
    BenchError
        The file or its footer exceeds a limit, a column to be read is nested, or the file is damaged, on opening or
        while the block runs.
    """
    import pyarrow as pa  # noqa: PLC0415 (for Parquet files only)
    from pyarrow import parquet  # noqa: PLC0415

    try:
        with open_regular(path, limit=MAX_BYTES) as file:
            _check_footer(path, file)
            opened = parquet.ParquetFile(
                file, thrift_string_size_limit=_MAX_FOOTER, thrift_container_size_limit=_MAX_LIST
            )
            names = opened.schema_arrow.names if columns is None else list(columns)
            _check_counts(path, opened, frozenset(names))
            _check_pages(path, file, opened, frozenset(names))
            yield parquet.ParquetFile(file, metadata=opened.metadata, read_dictionary=names)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror is not None:
            raise BenchError(f"{path}: cannot be read ({error.strerror})") from error
        raise BenchError(f"{path}: not a Parquet file of text columns ({shortened(str(error), 200)})") from error


def _check_footer(path: Path, file: BinaryIO) -> None:
    size = file.seek(0, 2)
    file.seek(max(0, size - _END))
    end = file.read(_END)
    if size < _END + len(_MAGIC) or end[4:] != _MAGIC:
        raise BenchError(f"{path}: not a Parquet file of text columns (it does not end like one)")
    if int.from_bytes(end[:4], "little") > _MAX_FOOTER:
        raise BenchError(f"{path}: a Parquet footer of more than {_MAX_FOOTER} bytes; write the table again")
    file.seek(0)


def _check_counts(path: Path, opened: ParquetFile, wanted: frozenset[str]) -> None:
    import pyarrow as pa  # noqa: PLC0415 (as above)

    metadata, schema = opened.metadata, opened.schema_arrow
    for count, limit, what in ((metadata.num_rows, MAX_ROWS, "rows"), (metadata.num_columns, MAX_COLUMNS, "columns")):
        if not 0 <= count <= limit:
            raise BenchError(f"{path}: {count} {what}; at most {limit} are read")
    nested = [field.name for field in schema if field.name in wanted and pa.types.is_nested(field.type)]
    if nested:
        raise BenchError(f"{path}: the column {shortened(nested[0])!r} holds lists or structures; text is expected")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    if not 0 <= sum(group.num_rows for group in groups) == metadata.num_rows:
        raise BenchError(f"{path}: damaged, the row counts of its parts contradict each other")
    fixed = [f.name for f in schema if f.name in wanted and pa.types.is_fixed_size_binary(f.type)]
    if fixed:  # a repeated value is not stored once
        raise BenchError(f"{path}: the column {shortened(fixed[0])!r} holds bytes of a fixed size; text is expected")


def _check_pages(path: Path, file: BinaryIO, opened: ParquetFile, wanted: frozenset[str]) -> None:
    try:
        unpacked = unpacked_size(file, opened.metadata, wanted)
    except ValueError as error:
        raise BenchError(f"{path}: damaged ({error}); write the table again") from error
    if unpacked > MAX_UNPACKED:
        raise BenchError(f"{path}: {unpacked} bytes when decompressed; at most {MAX_UNPACKED} are read")
