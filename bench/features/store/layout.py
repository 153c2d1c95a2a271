"""The shape of a stored matrix, and its chunks as bytes at their places in the files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.features.store.arrays import header, read_at, reading, write_at
from bench.features.store.entry import CHUNK, STATUS, VALUES, chunk_checksum
from bench.storage.fingerprints import digest
from bench.storage.json_files import read_json, write_json
from bench.storage.locks import locked

LAYOUT = "layout.json"
"""Says, while an entry is unfinished, what its arrays are."""


@dataclass(frozen=True)
class Layout:
    """The shape of a stored matrix.

    Parameters
    ----------
    rows : int
        Cells.
    names : tuple of str
        Of the features.
    status : bool
        Whether reasons of missing values are kept beside the values.
    """

    rows: int
    names: tuple[str, ...]
    status: bool

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Layout:
        """The layout of a stored entry, from its record."""
        return cls(record["cells"], tuple(record["names"]), record["status"])

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.rows // CHUNK)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return self.rows, len(self.names)

    @property
    def files(self) -> dict[str, str]:
        """The matrices by file name, each with its type, in the order in which a checksum runs over them."""
        return {VALUES: "<f4"} | ({STATUS: "|u1"} if self.status else {})

    def bounds(self, number: int) -> tuple[int, int]:
        """First row and end of a chunk."""
        return number * CHUNK, min((number + 1) * CHUNK, self.rows)

    def size(self, name: str) -> int:
        """Bytes of a matrix's file."""
        return self._place(name, self.rows)

    def _place(self, name: str, row: int) -> int:
        kind = self.files[name]
        return len(header(self.shape, kind)) + row * len(self.names) * np.dtype(kind).itemsize

    def create(self, folder: Path) -> None:
        """Make the files anew, with nothing but headers; what is not written yet takes no room on the disk."""
        for name, kind in self.files.items():
            (folder / name).unlink(missing_ok=True)
            with (folder / name).open("xb") as file:  # so that a link that lies there is not followed
                file.write(header(self.shape, kind))
                file.truncate(self.size(name))

    def mend(self, folder: Path) -> None:
        """Give the files their headers and sizes again; chunks stay as they are."""
        for name, kind in self.files.items():
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            try:
                write_at(descriptor, header(self.shape, kind), 0)
                os.ftruncate(descriptor, self.size(name))
            finally:
                os.close(descriptor)

    def broken_files(self, folder: Path) -> tuple[str, ...]:
        """The matrices whose file is missing, of another size, or begins otherwise."""
        return tuple(self._broken_files(folder))

    def _broken_files(self, folder: Path) -> Iterator[str]:
        for name, kind in self.files.items():
            expected = header(self.shape, kind)
            try:
                with reading(folder / name) as descriptor:
                    found, size = read_at(descriptor, len(expected), 0), os.fstat(descriptor).st_size
                if found != expected or size != self.size(name):
                    yield name
            except OSError:
                yield name

    def write(self, folder: Path, number: int, parts: Mapping[str, bytes]) -> None:
        """Write a chunk's bytes to their places; the disk is not waited for, that is `flush`."""
        first, _ = self.bounds(number)
        for name, data in parts.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                write_at(descriptor, data, self._place(name, first))
            finally:
                os.close(descriptor)

    def flush(self, folder: Path) -> None:
        """See what was written to the disk: before a record vouches for it, and once, since each chunk would wait."""
        for name in self.files:
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, folder: Path, number: int) -> dict[str, bytes]:
        """The bytes of a chunk, by file; fewer than they should be where a file is too short or missing."""
        first, end = self.bounds(number)
        parts = {}
        for name in self.files:
            start = self._place(name, first)
            try:
                with reading(folder / name) as descriptor:
                    parts[name] = read_at(descriptor, self._place(name, end) - start, start)
            except OSError:
                parts[name] = b""
        return parts

    def arrays(self, number: int, parts: Mapping[str, bytes]) -> dict[str, np.ndarray[Any, Any]]:
        """The bytes of a chunk as arrays that can be changed; raises ValueError where some are missing."""
        first, end = self.bounds(number)
        shape = (end - first, len(self.names))
        return {n: np.frombuffer(parts[n], dtype=kind).reshape(shape).copy() for n, kind in self.files.items()}

    def sum(self, parts: Mapping[str, bytes]) -> bytes:
        """The checksum of a chunk's bytes."""
        return chunk_checksum(*(parts[name] for name in self.files))


def agree(folder: Path, layout: Layout, extractor: str, first: int) -> None:
    """See that all chunks of an unfinished entry have one layout: that of the chunk that was there first.

    Parameters
    ----------
    folder : Path
        The unfinished entry.
    layout : Layout
        Of the chunk at hand.
    extractor : str
        What an error calls the extractor.
    first : int
        The chunk's first cell, for the error.

    Raises
    ------
    BenchError
        An earlier chunk has other features.
    """
    if read_layout(folder) == layout:
        return
    with locked(folder / "layout.lock"):
        there = read_layout(folder)
        if there is None:
            layout.create(folder)
            write_json(folder / LAYOUT, _sealed(layout))
        elif there != layout:
            raise BenchError(
                f"{extractor}: cells {first} and following have other features than the first ones; an extractor that "
                "needs no fit gives every cell the same features"
            )


def read_layout(folder: Path) -> Layout | None:
    """The layout of an unfinished entry; None where there is none, or it is damaged."""
    try:
        told = read_json(folder / LAYOUT)
        layout = Layout(int(str(told["rows"])), tuple(_texts(told["names"])), bool(told["status"]))
        return layout if told == _sealed(layout) else None
    except (BenchError, KeyError, ValueError):
        return None


def _sealed(layout: Layout) -> dict[str, object]:
    told = {"rows": layout.rows, "names": list(layout.names), "status": layout.status}
    return {**told, "digest": digest(told)}


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError("a list of texts is expected")
    return value
