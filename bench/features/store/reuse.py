"""Find cells of an entry to build in stored entries of the same extractor, by the digest of the cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.features.store.damage import damaged_chunks
from bench.features.store.entry import CHUNK, RECORD, Entry, UInt8, digests_array, entry_record, open_rows

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reuse:
    """Rows of stored entries that an entry to build can copy.

    Parameters
    ----------
    folders : tuple of Path
        Stored entries.
    folder, row : ndarray of int64, shape (n_cells,)
        For each cell the index into `folders` and the row there; -1 where the cell has to be extracted.
    """

    folders: tuple[Path, ...]
    folder: Positions
    row: Positions


def find_rows(entry: Entry, digests: Sequence[str]) -> Reuse:
    """Search stored entries for cells; chunks with matching rows are compared with their checksums.

    Entries that differ from `entry` in nothing but the cells are searched, and `entry` itself where it is damaged.

    Parameters
    ----------
    entry : Entry
        The entry to build.
    digests : sequence of str, length n_cells
        SHA-256 of each of its cells.
    """
    wanted = digests_array(digests)
    folder, row = (np.full(len(wanted), -1, dtype=np.int64) for _ in range(2))
    folders: list[Path] = []
    for source in _sources(entry):
        missing = np.flatnonzero(folder < 0)
        if not len(missing):
            break
        try:
            rows = _intact_positions(source, wanted[missing])
        except BenchError:
            continue  # damaged beyond single chunks: no row of it can be trusted
        if (rows >= 0).any():
            at = missing[rows >= 0]
            folder[at], row[at] = len(folders), rows[rows >= 0]
            folders.append(source)
    return Reuse(tuple(folders), folder, row)


def _sources(entry: Entry) -> Iterator[Path]:
    for path in sorted(entry.folder.parent.glob(f"[!.]*/{RECORD}")):
        try:
            components = entry_record(path.parent)["components"]
        except BenchError:
            continue
        if _without_cells(components) == _without_cells(entry.components):
            yield path.parent


def _without_cells(components: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in components.items() if name != "cells"}


def _intact_positions(folder: Path, wanted: UInt8) -> Positions:
    """Row of each wanted digest in an entry, -1 where it is absent or in a damaged chunk; checksums cover row ids."""
    rows = _positions(open_rows(folder), wanted)
    damaged = list(damaged_chunks(folder, np.unique(rows[rows >= 0] // CHUNK).tolist()))
    return np.where(np.isin(rows // CHUNK, damaged), -1, rows)


def _positions(rows: UInt8, wanted: UInt8) -> Positions:
    """Position of each wanted digest among `rows`, -1 where it is absent."""
    stored, keys = (np.ascontiguousarray(array).view(f"S{array.shape[1]}").ravel().tolist() for array in (rows, wanted))
    positions = {key: position for position, key in enumerate(stored)}
    return np.array([positions.get(key, -1) for key in keys], dtype=np.int64)
