"""Errors of reading a cell that was readable when it was scanned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.errors import BenchError
from extractors.cells import CellFile


@contextmanager
def cell_errors_as_bench_error(file: CellFile) -> Iterator[None]:
    """Convert the OSError or ValueError of a cell whose files were removed or changed to a BenchError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise BenchError(f"the cell {file.id} cannot be read: {error}") from error
