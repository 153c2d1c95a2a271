"""Plan and finalise the build of a store entry: chunks that are missing, then one matrix of all rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.features.store.chunks import Chunk, ChunkInfo, chunk_path, read_chunk
from bench.features.store.damage import intact_checksums
from bench.features.store.entry import (
    CHUNK,
    Block,
    Entry,
    UInt8,
    digests_array,
    entry_record,
    is_embedding,
    open_checksums,
    open_features,
    open_status,
    write_blocks,
)
from bench.features.store.reuse import Reuse, find_rows
from bench.plugins.checked_features import Features, invalid_values
from extractors.files.atomic import discard, remove_unfinished

CACHED_CHUNKS = 64
"""Chunks in memory while the matrix is written; a chunk is read again only for repeated cells further apart."""


def begin_build(entry: Entry, digests: Sequence[str]) -> tuple[dict[int, list[int]], dict[int, ChunkInfo]]:
    """Plan the chunks of an entry, whose lock this process holds, by number: those that no stored entry contains.

    Returns
    -------
    missing : dict of int to list of int
        Rows of each chunk to extract.
    finished : dict of int to ChunkInfo
        Finished chunks.

    Raises
    ------
    OSError
        The store cannot be written.
    """
    entry.partial.mkdir(parents=True, exist_ok=True)
    for folder in (entry.folder.parent, entry.partial):
        remove_unfinished(folder)
    missing, finished = {}, {}
    for number, rows in _rows_to_extract(digests, find_rows(entry, digests)).items():
        chunk = read_chunk(chunk_path(entry.partial, number))
        if chunk is not None and _valid(chunk, entry) and {digests[row] for row in rows} <= set(chunk.cells):
            finished[number] = ChunkInfo.of(chunk)
        else:
            missing[number] = rows
    return missing, finished


def _valid(chunk: Chunk, entry: Entry) -> bool:
    """Whether an extraction of the entry can have written the values."""
    features = chunk.features
    return not invalid_values(features.values, features.status, embedding=is_embedding(entry.components)).any()


def finish_build(
    entry: Entry, digests: Sequence[str], finished: Collection[ChunkInfo], fields: Mapping[str, Any]
) -> int:
    """Write the matrix of all rows, replace what is at the entry's path, and remove the chunks.

    Parameters
    ----------
    entry : Entry
        The entry.
    digests : sequence of str
        SHA-256 of each cell.
    finished : collection of ChunkInfo
        All chunks.
    fields : mapping
        Further fields of the record.

    Returns
    -------
    int
        Number of chunks that differ from those of a damaged entry of the same key.

    Raises
    ------
    BenchError
        A chunk is missing or damaged, or chunks have different features.
    OSError
        The store cannot be written.
    """
    reuse = find_rows(entry, digests)
    rows = _Rows(entry.partial, digests, reuse)
    before = _checksums(entry)
    write_blocks(
        entry.folder,
        rows.blocks(),
        rows.names,
        rows=digests_array(digests),
        status=rows.status,
        existing="replace",
        components=dict(entry.components),
        seconds=round(sum(chunk.seconds for chunk in finished), 3),
        extracted=sum(chunk.cells for chunk in finished),
        reused=int((reuse.folder >= 0).sum()),
        notices=sorted({n for f in rows.stored for n in f.notices} | {n for chunk in finished for n in chunk.notices}),
        **fields,
    )
    discard(entry.partial)
    return 0 if before is None else int((before != open_checksums(entry.folder)).any(axis=1).sum())


def _rows_to_extract(digests: Sequence[str], reuse: Reuse) -> dict[int, list[int]]:
    """First row of each distinct cell that is not reused, by the number of its chunk."""
    seen: set[str] = set()
    chunks: dict[int, list[int]] = {}
    for row in np.flatnonzero(reuse.folder < 0).tolist():
        if digests[row] not in seen:
            seen.add(digests[row])
            chunks.setdefault(row // CHUNK, []).append(row)
    return chunks


class _Rows:
    """The rows of an entry, read from finished chunks and from stored entries."""

    def __init__(self, folder: Path, digests: Sequence[str], reuse: Reuse) -> None:
        self.folder, self.digests, self.reuse = folder, digests, reuse
        self.chunks = _rows_to_extract(self.digests, reuse)
        self.chunk_of = {self.digests[row]: number for number, rows in self.chunks.items() for row in rows}
        self.read = lru_cache(maxsize=CACHED_CHUNKS)(self._read)
        self.layouts: list[tuple[tuple[str, ...], bool]] = []
        self.stored = [self._checked(_stored_features(folder)) for folder in reuse.folders]
        if not self.stored:
            self.read(next(iter(self.chunks)))
        self.names, self.status = self.layouts[0]

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in the order of the cells, `CHUNK` at a time."""
        for start in range(0, len(self.digests), CHUNK):
            rows = (self._row(row) for row in range(start, min(start + CHUNK, len(self.digests))))
            yield tuple(np.stack(parts) for parts in zip(*rows, strict=True))

    def _row(self, row: int) -> Block:
        if (source := self.reuse.folder[row]) >= 0:
            features, at = self.stored[source], int(self.reuse.row[row])
        else:
            chunk = self.read(self.chunk_of[self.digests[row]])
            features, at = chunk.features, chunk.cells.index(self.digests[row])
        return tuple(array[at] for array in (features.values, features.status) if array is not None)

    def _read(self, number: int) -> Chunk:
        chunk = read_chunk(chunk_path(self.folder, number))
        if chunk is None or not {self.digests[row] for row in self.chunks[number]} <= set(chunk.cells):
            raise BenchError(
                f"{self.folder}: chunk {number} is damaged, or an entry whose rows are copied has changed; run the "
                "same command again"
            )
        self._checked(chunk.features)
        return chunk

    def _checked(self, features: Features) -> Features:
        self.layouts = self.layouts or [(features.names, features.status is not None)]
        if (features.names, features.status is not None) != self.layouts[0]:
            raise BenchError(f"{self.folder}: some cells have other features than others; remove this folder")
        return features


def _stored_features(folder: Path) -> Features:
    record, values, status = entry_record(folder), open_features(folder), open_status(folder)
    status = None if status is None else np.asarray(status)
    return Features(np.asarray(values), status, tuple(record["names"]), tuple(record["notices"]))


def _checksums(entry: Entry) -> UInt8 | None:
    """Checksums of a damaged entry that will be replaced; None where there are none to compare with."""
    try:
        return np.array(intact_checksums(entry.folder)) if entry_record(entry.folder)["key"] == entry.key else None
    except BenchError:
        return None
