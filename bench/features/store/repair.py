"""A stored entry that is damaged is mended in place: only its damaged chunks are extracted again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from bench.errors import BenchError
from bench.features.store.chunks import Made, Task
from bench.features.store.entry import (
    CHECKSUMS,
    DIGEST_BYTES,
    ROWS,
    Entry,
    UInt8,
    digests_array,
    entry_record,
    open_checksums,
    write_array,
    write_record,
)
from bench.features.store.layout import Layout
from bench.features.store.verify import Examination
from extractors.cells import Cells
from extractors.files.atomic import atomic_file, discard


@dataclass(frozen=True)
class Mending:
    """A stored entry in the hands of the process that holds its lock.

    Parameters
    ----------
    entry : Entry
        Its place.
    layout : Layout
        Its shape.
    digests : sequence of str
        SHA-256 of each of its cells.
    files : tuple of str
        What is damaged beside chunks.
    tasks : tuple of Task
        The damaged chunks.
    """

    entry: Entry
    layout: Layout
    digests: Sequence[str]
    files: tuple[str, ...]
    tasks: tuple[Task, ...]

    @property
    def missing(self) -> int:
        """Cells that are to be extracted."""
        return sum(len(task.cells) for task in self.tasks)

    @property
    def told(self) -> str:
        """What is damaged, and that it is mended."""
        parts = []
        if self.tasks:
            rows = ", ".join(_ranges(self.layout, [task.number for task in self.tasks]))
            parts.append(f"rows {rows} were damaged on disk and are extracted again")
        if self.files:
            parts.append(f"{', '.join(self.files)} damaged on disk and written again")
        return "; ".join(parts)


def begin_repair(entry: Entry, found: Examination, cells: Cells, digests: Sequence[str]) -> Mending:
    """What is to be done for a damaged entry; its matrices get their headers and sizes again.

    Raises
    ------
    OSError
        The store cannot be written.
    """
    assert found.layout is not None  # noqa: S101 (an entry without a trusted record is made anew)
    layout = found.layout
    for name in found.files:
        if (path := entry.folder / name).is_symlink() or not path.is_file():
            discard(path)
    if any(name in layout.files for name in found.files):
        layout.mend(entry.folder)
    tasks = tuple(_task(entry, layout, number, cells, digests) for number in found.chunks)
    return Mending(entry, layout, digests, found.files, tasks)


def finish_repair(mending: Mending, made: Mapping[int, Made]) -> list[int]:
    """Read the mended chunks back, and write what else was damaged.

    Parameters
    ----------
    mending : Mending
        All of whose tasks are done.
    made : mapping of int to Made
        What they gave, by number of the chunk.

    Returns
    -------
    list of int
        Chunks that have come out otherwise than they once did, though their code, libraries and cells are the same.

    Raises
    ------
    BenchError
        The disk does not keep what is written.
    OSError
        The store cannot be written.
    """
    folder, layout = mending.entry.folder, mending.layout
    for number, chunk in made.items():
        if layout.sum(layout.read(folder, number)).hex() != chunk.checksum:
            first, end = layout.bounds(number)
            raise BenchError(
                f"{folder}: rows {first}-{end - 1} were written again and do not read back; the disk loses what is "
                "written, take another with --store"
            )
    layout.flush(folder)
    before = _checksums(mending)
    after = before.copy()
    for number, chunk in made.items():
        after[number] = np.frombuffer(bytes.fromhex(chunk.checksum), np.uint8)
    changed = np.flatnonzero((before != after).any(axis=1)).tolist()
    rows = digests_array(mending.digests)
    if ROWS in mending.files:
        with atomic_file(folder / ROWS) as temporary:
            write_array(temporary, rows)
    if CHECKSUMS in mending.files or changed:
        with atomic_file(folder / CHECKSUMS) as temporary:
            write_array(temporary, after)
    if CHECKSUMS in mending.files or ROWS in mending.files or changed:
        sums = {
            "rows_sha256": hashlib.sha256(rows.tobytes()).hexdigest(),
            "checksums_sha256": hashlib.sha256(after.tobytes()).hexdigest(),
        }
        write_record(folder, {**entry_record(folder), **sums})
    return [] if CHECKSUMS in mending.files else changed


def _task(entry: Entry, layout: Layout, number: int, cells: Cells, digests: Sequence[str]) -> Task:
    places: dict[str, list[int]] = {}
    for row in range(*layout.bounds(number)):
        places.setdefault(digests[row], []).append(row)
    return Task(
        folder=entry.folder,
        number=number,
        rows=layout.rows,
        cells=cells.take(rows[0] for rows in places.values()),
        places=tuple(map(tuple, places.values())),
        layout=layout,
    )


def _checksums(mending: Mending) -> UInt8:
    """The checksums as they lie there; zeros where they cannot be read, and then all chunks were made again."""
    try:
        return np.array(open_checksums(mending.entry.folder))
    except BenchError:
        return np.zeros((mending.layout.chunks, DIGEST_BYTES), dtype=np.uint8)


def _ranges(layout: Layout, numbers: Sequence[int]) -> list[str]:
    """First and last rows of runs of chunks, the first five of them."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    told = [f"{layout.bounds(run[0])[0]}-{layout.bounds(run[-1])[1] - 1}" for run in runs[:5]]
    return [*told, f"and {len(runs) - 5} more"] if len(runs) > 5 else told
