"""An entry is made of its chunks: what is left to do, and the steps from the last chunk to the stored entry."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.features.store.chunks import CHUNKS, Made, Task, read_made, write_made
from bench.features.store.entry import (
    CHECKSUMS,
    CHUNK,
    DIGEST_BYTES,
    FILES,
    ROWS,
    Entry,
    digests_array,
    entry_record,
    write_array,
    write_record,
)
from bench.features.store.layout import Layout, read_layout
from bench.features.store.reuse import Origins, origins
from extractors.cells import Cells
from extractors.files.atomic import atomic_file, discard, remove_unfinished


@dataclass(frozen=True)
class Making:
    """An entry that is not stored yet, in the hands of the process that holds its lock.

    Parameters
    ----------
    entry : Entry
        Its place.
    digests : tuple of str
        SHA-256 of each cell.
    origins : Origins
        Where its rows come from.
    tasks : tuple of Task
        What is left to do.
    """

    entry: Entry
    digests: Sequence[str]
    origins: Origins
    tasks: tuple[Task, ...]

    @property
    def missing(self) -> int:
        """Cells that are to be extracted."""
        return sum(len(task.cells) for task in self.tasks)


def begin_build(entry: Entry, cells: Cells, digests: Sequence[str]) -> Making:
    """Take up an entry where whoever worked on it before left it; what is damaged of that is begun again.

    Raises
    ------
    BenchError
        There are no cells.
    OSError
        The store cannot be written.
    """
    if not len(cells) or len(cells) != len(digests):
        raise BenchError(f"{len(digests)} digests for {len(cells)} cells; features are extracted of one cell at least")
    entry.folder.parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(entry.folder.parent)
    done = _taken_up(entry, len(cells))
    found = origins(entry, digests)
    (entry.partial / CHUNKS).mkdir(parents=True, exist_ok=True)
    left = (found.task(entry.partial, n, cells) for n in range(-(-len(cells) // CHUNK)) if n not in done)
    return Making(entry, digests, found, tuple(task for task in left if len(task.cells) or task.copies))


def take_up_finished(entry: Entry) -> bool:
    """Put an entry in its place whose maker died between the last write and the renaming; whether there was one."""
    try:
        if entry_record(entry.partial)["key"] != entry.key:
            return False
    except BenchError:
        return False
    _put_in_place(entry)
    return True


def finish_build(making: Making, fields: Mapping[str, Any]) -> None:
    """Copy what chunks owe each other, write row ids, checksums and the record, and rename the folder.

    Parameters
    ----------
    making : Making
        All of whose tasks are done.
    fields : mapping
        Further fields of the record.

    Raises
    ------
    BenchError
        A chunk is not there.
    OSError
        The store cannot be written.
    """
    folder = making.entry.partial
    layout = read_layout(folder)
    if layout is None:
        raise BenchError(f"{folder}: its layout is damaged; run the same command again")
    made = read_made(folder, layout)
    _fill(making, layout, made)
    if len(made) < layout.chunks:
        raise BenchError(f"{folder}: a chunk was damaged while others were extracted; run the same command again")
    layout.flush(folder)
    checksums = np.frombuffer(bytes.fromhex("".join(made[n].checksum for n in range(layout.chunks))), np.uint8)
    rows = digests_array(making.digests)
    for name, array in ((CHECKSUMS, checksums.reshape(-1, DIGEST_BYTES)), (ROWS, rows)):
        with atomic_file(folder / name) as temporary:
            write_array(temporary, array)
    record = {
        "components": dict(making.entry.components),
        "cells": layout.rows,
        "names": list(layout.names),
        "status": layout.status,
        "rows_sha256": hashlib.sha256(rows.tobytes()).hexdigest(),
        "checksums_sha256": hashlib.sha256(checksums.tobytes()).hexdigest(),
        "seconds": round(sum(m.seconds for m in made.values()), 3),
        "extracted": sum(m.extracted for m in made.values()),
        "reused": sum(m.reused for m in made.values()),
        "notices": sorted({notice for m in made.values() for notice in m.notices}),
        **fields,
    }
    write_record(folder, record)
    _put_in_place(making.entry)


def _taken_up(entry: Entry, rows: int) -> dict[int, Made]:
    layout = read_layout(entry.partial)
    if layout is not None and layout.rows == rows and not layout.broken_files(entry.partial):
        return read_made(entry.partial, layout)
    discard(entry.partial)
    return {}


def _fill(making: Making, layout: Layout, made: dict[int, Made]) -> None:
    """Copy the rows of cells that an earlier chunk holds; its record vouches for the bytes before and after."""
    folder, first = making.entry.partial, making.origins.first
    for number in range(layout.chunks):
        start, end = layout.bounds(number)
        known = made.get(number)
        waiting = known.waiting if known is not None else tuple(range(start, end))
        if not waiting or (known is None and (first[start:end] >= start).any()):
            continue
        parts = layout.read(folder, number)
        arrays = layout.arrays(number, parts)
        rows = np.array(waiting)
        for source in np.unique(first[rows] // CHUNK).tolist():
            there = layout.arrays(source, layout.read(folder, source))
            of_it = rows[first[rows] // CHUNK == source]
            for name, array in arrays.items():
                array[of_it - start] = there[name][first[of_it] % CHUNK]
        filled = {name: array.tobytes() for name, array in arrays.items()}
        layout.write(folder, number, filled)
        checksum = layout.sum(filled).hex()
        whole = replace(known or Made(number, "", 0, 0), checksum=checksum, waiting=())
        write_made(folder, whole)
        made[number] = whole


def _put_in_place(entry: Entry) -> None:
    """Rename a finished entry, without what its chunks needed or a killed process left half-written in it."""
    for path in entry.partial.iterdir():
        if path.name not in FILES:
            discard(path)
    discard(entry.folder)
    entry.partial.rename(entry.folder)
