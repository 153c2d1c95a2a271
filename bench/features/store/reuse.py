"""Where each row of a matrix to be comes from: another entry, the same matrix, or a worker that extracts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.features.store.chunks import Task
from bench.features.store.entry import CHUNK, RECORD, Entry, UInt8, digests_array, entry_record
from bench.features.store.verify import damaged_chunks, trusted_rows
from extractors.cells import Cells

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Origins:
    """Where the rows of a matrix come from.

    Parameters
    ----------
    first : ndarray of int64, shape (n,)
        The first row that holds the same cell; a row's own number where it is the first.
    folders : tuple of Path
        Entries of the same extractor that hold some of the cells.
    folder, row : ndarray of int64, shape (n,)
        Which of these a row is copied from, and its row there; -1 where none holds it.
    """

    first: Positions
    folders: tuple[Path, ...]
    folder: Positions
    row: Positions

    def task(self, folder: Path, number: int, cells: Cells) -> Task:
        """What is to be done for a chunk, where `cells` are those of the whole matrix."""
        places: dict[int, list[int]] = {}
        copies, waiting = [], []
        start = number * CHUNK
        for row in range(start, min(start + CHUNK, len(self.first))):
            first = int(self.first[row])
            if self.folder[row] >= 0:
                copies.append((row, self.folders[self.folder[row]], int(self.row[row])))
            elif first >= start:
                places.setdefault(first, []).append(row)
            else:
                waiting.append(row)
        return Task(
            folder=folder,
            number=number,
            rows=len(self.first),
            cells=cells.take(places),
            places=tuple(map(tuple, places.values())),
            copies=tuple(copies),
            waiting=tuple(waiting),
        )


def origins(entry: Entry, digests: Sequence[str]) -> Origins:
    """Look through the stored entries of the same extractor for the cells of a matrix.

    Parameters
    ----------
    entry : Entry
        The matrix to be.
    digests : sequence of str, length n
        SHA-256 of each of its cells.
    """
    wanted = digests_array(digests)
    n = len(wanted)
    folder, row = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    folders: list[Path] = []
    for sibling in _siblings(entry):
        missing = np.flatnonzero(folder < 0)
        if not len(missing):
            break
        try:
            found = _held(sibling, wanted[missing])
        except BenchError:
            continue  # what is damaged is mended when it is asked for itself
        there = found >= 0
        if there.any():
            folder[missing[there]], row[missing[there]] = len(folders), found[there]
            folders.append(sibling)
    return Origins(_first(digests), tuple(folders), folder, row)


def _siblings(entry: Entry) -> Iterator[Path]:
    """Stored entries of other cells that are else of the same components."""
    ours = _without_cells(entry.components)
    for path in sorted(entry.folder.parent.glob(f"*/{RECORD}")):
        folder = path.parent
        if folder in (entry.folder, entry.partial) or "." in folder.name or folder.is_symlink():
            continue
        try:
            theirs = entry_record(folder)["components"]
        except BenchError:
            continue
        if _without_cells(theirs) == ours:
            yield folder


def _without_cells(components: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in components.items() if name != "cells"}


def _held(folder: Path, wanted: UInt8) -> Positions:
    """The row of each wanted cell in an entry, -1 where it is not there or lies in a damaged chunk."""
    found = _rows_of(trusted_rows(folder), wanted)
    damaged = damaged_chunks(folder, np.unique(found[found >= 0] // CHUNK).tolist())
    return np.where(np.isin(found // CHUNK, damaged), -1, found)


def _rows_of(rows: UInt8, wanted: UInt8) -> Positions:
    """Position of each wanted digest among `rows`, -1 for none.

    Found by the first eight bytes; should two digests share these, the second is not found, and its cell extracted.
    """
    have, want = (np.ascontiguousarray(d[:, :8]).view(">u8").ravel().astype(np.uint64) for d in (rows, wanted))
    order = np.argsort(have, kind="stable")
    at = order[np.searchsorted(have, want, sorter=order).clip(max=len(have) - 1)]
    return np.where((rows[at] == wanted).all(axis=1), at, -1).astype(np.int64)


def _first(digests: Sequence[str]) -> Positions:
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(digest, row) for row, digest in enumerate(digests)], dtype=np.int64)
