"""Detect damage of stored entries: compare the record, the checksums and each chunk with their SHA-256.

A right checksum does not show who wrote a chunk, so that values are checked, too. All bytes of an entry are read once
in each process before its features are used (`usable`), and chunks again before rows are copied into another entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.features.store.entry import (
    CHECKSUMS,
    CHUNK,
    REBUILD,
    RECORD,
    ROWS,
    STATUS,
    VALUES,
    Entry,
    UInt8,
    block_checksum,
    entry_record,
    is_embedding,
    open_checksums,
    open_features,
    open_rows,
    open_status,
)
from bench.plugins.checked_features import invalid_values
from extractors.files.stamps import file_stamp

_INTACT: dict[tuple[object, ...], bool] = {}
"""Whether an entry was intact, by its path and the stamps of its files; of this process."""

_SHOWN = 5
"""Damaged chunks that a message names."""


def usable(entry: Entry) -> bool:
    """Whether an entry is stored and intact; all of its bytes are read once in each process."""
    if not entry.stored:
        return False
    state = _state(entry.folder)
    if state not in _INTACT:
        _INTACT[state] = not describe_damage(entry.folder, key=entry.key)
    return _INTACT[state]


def describe_damage(folder: Path, *, key: str | None = None, numbers: Iterable[int] | None = None) -> str:
    """Read a stored entry and describe its damage; empty where it is intact.

    Parameters
    ----------
    folder : Path
        The entry.
    key : str, optional
        The key that it must have.
    numbers : iterable of int, optional
        Chunks to read. Default: all.
    """
    try:
        record = entry_record(folder)
        if key is not None and record["key"] != key:
            return f"{folder / RECORD}: has the key {record['key'][:16]}, {key[:16]} is expected"
        damaged = damaged_chunks(folder, numbers)
        rows = [f"{n * CHUNK}-{min((n + 1) * CHUNK, record['cells']) - 1}" for n in islice(damaged, _SHOWN)]
        more = sum(1 for _ in damaged)
    except BenchError as error:
        return str(error)
    rows += [f"and of {more} more chunks"] if more else []
    return f"rows {', '.join(rows)} are damaged ({folder})" if rows else ""


def damaged_chunks(folder: Path, numbers: Iterable[int] | None = None) -> Iterator[int]:
    """Yield the numbers of chunks with another checksum than when they were written, or with values of no extraction.

    Parameters
    ----------
    folder : Path
        A stored entry.
    numbers : iterable of int, optional
        Chunks to read. Default: all.

    Raises
    ------
    BenchError
        The record, the checksums, or the header or size of an array are damaged.
    """
    checksums, embedding = intact_checksums(folder), is_embedding(entry_record(folder)["components"])
    rows, values, status = open_rows(folder), open_features(folder), open_status(folder)
    for number in range(len(checksums)) if numbers is None else numbers:
        chunk = slice(number * CHUNK, (number + 1) * CHUNK)
        stored, codes = np.asarray(values[chunk]), None if status is None else np.asarray(status[chunk])
        parts = (np.asarray(rows[chunk]), stored, *(() if codes is None else (codes,)))
        intact = block_checksum(parts) == checksums[number].tobytes()
        if not intact or invalid_values(stored, codes, embedding=embedding).any():
            yield number


def intact_checksums(folder: Path) -> UInt8:
    """Checksums of the chunks, uint8, shape (n_chunks, 32); raises BenchError where they are damaged."""
    checksums = open_checksums(folder)
    if hashlib.sha256(checksums.data).hexdigest() != entry_record(folder)["checksums_sha256"]:
        raise BenchError(f"{folder / CHECKSUMS}: damaged (its digest differs); {REBUILD}")
    return checksums


def _state(folder: Path) -> tuple[object, ...]:
    """Path and stamps of the files; decay of the disk does not change them."""
    paths = [path for name in (RECORD, VALUES, STATUS, ROWS, CHECKSUMS) if (path := folder / name).exists()]
    return (str(folder), *map(file_stamp, paths))
