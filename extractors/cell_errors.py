"""Errors of reading or transforming a cell, with the name of the cell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def errors_with_cell(cell: str) -> Iterator[None]:
    """Begin the message of a ValueError or OSError in the block with `cell NAME:`, unless it does already."""
    try:
        yield
    except (ValueError, OSError) as error:
        if str(error).startswith(f"cell {cell}:"):
            raise
        raise (ValueError if isinstance(error, ValueError) else OSError)(f"cell {cell}: {error}") from error
