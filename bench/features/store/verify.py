"""Whether a stored entry is what was once written: its record, its row ids, and each chunk against its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.features.store.entry import (
    CHECKSUMS,
    RECORD,
    ROWS,
    STATUS,
    VALUES,
    Entry,
    UInt8,
    entry_record,
    open_checksums,
    open_rows,
)
from bench.features.store.layout import Layout

_WHOLE: set[tuple[object, ...]] = set()
"""Entries that this process has found whole, each with the state of its files then."""

_DAMAGED: set[tuple[object, ...]] = set()
"""The same of damaged ones, so that who waits for them to be mended does not read them again and again."""


@dataclass(frozen=True)
class Examination:
    """What is wrong with a stored entry.

    Parameters
    ----------
    layout : Layout or None
        Its shape; None where its record cannot be trusted, so that all of it has to be made anew.
    problem : str
        Why it cannot be trusted; else empty.
    files : tuple of str
        Damaged files but for the chunks: row ids, checksums, and matrices with another header or size.
    chunks : tuple of int
        Chunks whose bytes have another checksum.
    """

    layout: Layout | None
    problem: str = ""
    files: tuple[str, ...] = ()
    chunks: tuple[int, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.problem or self.files or self.chunks)


def usable(entry: Entry) -> bool:
    """Whether an entry is stored and whole; all of its bytes are read once in each process."""
    if not entry.stored:
        return False
    state = _state(entry.folder)
    if state not in _WHOLE and state not in _DAMAGED:
        (_WHOLE if examine(entry.folder, key=entry.key).whole else _DAMAGED).add(state)
    return state in _WHOLE


def trust(entry: Entry) -> None:
    """Count an entry as whole that this process has just written and read back."""
    _WHOLE.add(_state(entry.folder))


def examine(folder: Path, *, key: str | None = None, begins: Callable[[int], object] | None = None) -> Examination:
    """Read all of a stored entry and hold it against its checksums.

    Parameters
    ----------
    folder : Path
        Of the entry.
    key : str, optional
        The key that it is to have.
    begins : callable, optional
        Hears the number of each chunk before it is read.
    """
    try:
        record = entry_record(folder)
    except BenchError as error:
        return Examination(None, str(error))
    if key is not None and record["key"] != key:
        return Examination(None, f"{folder / RECORD}: it has the key {record['key'][:16]}, {key[:16]} is expected")
    layout = Layout.of(record)
    files = list(layout.broken_files(folder))
    files += [] if _sha256_of_rows(folder) == record["rows_sha256"] else [ROWS]
    checksums = _checksums(folder)
    if checksums is None and {ROWS, *layout.files} <= set(files):
        # A record alone does not say how much is to be mended: nothing bears out that there are so many rows.
        return Examination(None, f"{folder}: every file of it is damaged or of another size than {RECORD} tells")
    if checksums is None or hashlib.sha256(checksums.tobytes()).hexdigest() != record["checksums_sha256"]:
        files.append(CHECKSUMS)
    return Examination(layout, "", tuple(files), tuple(_damaged(folder, layout, _told(layout, begins), checksums)))


def damaged_chunks(folder: Path, numbers: Iterable[int] | None = None) -> list[int]:
    """Numbers of the chunks whose bytes have another checksum than when they were written.

    Parameters
    ----------
    folder : Path
        Of a stored entry.
    numbers : iterable of int, optional
        Chunks to look at. Default: all of them.

    Raises
    ------
    BenchError
        Damage that is not one of chunks: of the record, the row ids, the checksums, or a matrix's header or size.
    """
    if numbers is None:
        found = examine(folder)
        if found.problem:
            raise BenchError(found.problem)
        if found.files:
            raise BenchError(f"{folder}: damaged: {', '.join(found.files)}; the next run that needs it mends it")
        return list(found.chunks)
    return list(_damaged(folder, Layout.of(entry_record(folder)), numbers, trusted_checksums(folder)))


def trusted_checksums(folder: Path) -> UInt8:
    """The checksums of an entry, uint8, shape (n_chunks, 32); raises BenchError where they are damaged themselves."""
    found = _checksums(folder)
    if found is None or hashlib.sha256(found.tobytes()).hexdigest() != entry_record(folder)["checksums_sha256"]:
        raise BenchError(f"{folder / CHECKSUMS}: damaged; the next run that needs it mends it")
    return found


def trusted_rows(folder: Path) -> UInt8:
    """The row ids of an entry, uint8, shape (n_cells, 32); raises BenchError where they are damaged."""
    rows = open_rows(folder)
    if hashlib.sha256(rows.data).hexdigest() != entry_record(folder)["rows_sha256"]:
        raise BenchError(f"{folder / ROWS}: damaged; the next run that needs it mends it")
    return rows


def _told(layout: Layout, begins: Callable[[int], object] | None) -> Iterator[int]:
    for number in range(layout.chunks):
        if begins is not None:
            begins(number)
        yield number


def _damaged(folder: Path, layout: Layout, numbers: Iterable[int], checksums: UInt8 | None) -> Iterator[int]:
    for number in numbers:
        if checksums is None or layout.sum(layout.read(folder, number)) != checksums[number].tobytes():
            yield number


def _checksums(folder: Path) -> UInt8 | None:
    try:
        return np.array(open_checksums(folder))
    except BenchError:
        return None


def _sha256_of_rows(folder: Path) -> str:
    try:
        return hashlib.sha256(open_rows(folder).data).hexdigest()
    except BenchError:
        return ""


def _state(folder: Path) -> tuple[object, ...]:
    """What changes when somebody writes the entry anew or mends it; decay of the disk changes none of it."""
    found: list[object] = [str(folder)]
    for name in (RECORD, VALUES, STATUS, ROWS, CHECKSUMS):
        try:
            told = (folder / name).stat()
            found.append((told.st_ino, told.st_size, told.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)
