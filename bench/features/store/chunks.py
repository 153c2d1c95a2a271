"""One chunk of an unfinished entry: extract up to 64 cells into an immutable file that carries its own digest."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.features.store.entry import DIGEST_BYTES
from bench.plugins.checked_features import Features, checked_features
from bench.plugins.registry import Plugin
from bench.storage.fingerprints import digest
from extractors.cells import Cells
from extractors.files.atomic import atomic_file


@dataclass(frozen=True)
class Chunk:
    """Features of some cells.

    Parameters
    ----------
    cells : tuple of str
        SHA-256 of each cell.
    features : Features
        One row per cell.
    seconds : float
        Wall time of the worker.
    """

    cells: tuple[str, ...]
    features: Features
    seconds: float


@dataclass(frozen=True)
class ChunkInfo:
    """What is reported about a finished chunk.

    Parameters
    ----------
    number : int
        Number of the chunk.
    layout : str
        Digest of the feature names and of whether there are status codes.
    cells : int
        Number of cells.
    seconds : float
        Wall time of the worker.
    notices : tuple of str
        Messages of the extractor.
    """

    number: int
    layout: str
    cells: int
    seconds: float
    notices: tuple[str, ...]

    @classmethod
    def of(cls, number: int, chunk: Chunk) -> ChunkInfo:
        """Summarise a chunk."""
        features = chunk.features
        layout = digest([features.names, features.status is not None])
        return cls(number, layout, len(chunk.cells), chunk.seconds, features.notices)


@dataclass(frozen=True)
class Task:
    """The work of one worker: extract one chunk.

    Parameters
    ----------
    folder : Path
        Folder of the unfinished entry.
    number : int
        Number of the chunk.
    cells : Cells
        The cells to extract.
    digests : tuple of str
        SHA-256 of each.
    """

    folder: Path
    number: int
    cells: Cells
    digests: tuple[str, ...]


def extract_chunk(task: Task, plugin: Plugin, engine: Mapping[str, Any]) -> ChunkInfo:
    """Extract the cells of a chunk and write its file.

    Raises
    ------
    BenchError
        A feature is infinite, a cell has no feature and no status code gives the reason, a cell cannot be read, or the
        store cannot be written.
    """
    start = time.perf_counter()
    features = checked_features(plugin.build(**engine), task.cells, plugin.selector)
    chunk = Chunk(task.digests, features, time.perf_counter() - start)
    with store_errors_as_bench_error(task.folder):
        write_chunk(task.folder, task.number, chunk)
    return ChunkInfo.of(task.number, chunk)


def write_chunk(folder: Path, number: int, chunk: Chunk) -> None:
    """Write a chunk atomically: SHA-256 of the rest of the file, one line of JSON, values, status.

    The file is not flushed to disk: one that does not survive a power failure intact has another digest.
    """
    features = chunk.features
    header = {"cells": chunk.cells, "names": features.names, "notices": features.notices, "seconds": chunk.seconds}
    status = b"" if features.status is None else features.status.tobytes()
    content = b"\n".join([json.dumps(header).encode(), features.values.tobytes() + status])
    with atomic_file(chunk_path(folder, number), flush=False) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def read_chunk(folder: Path, number: int) -> Chunk | None:
    """Read a chunk; None where it is missing or its bytes have another digest."""
    try:
        content = chunk_path(folder, number).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[DIGEST_BYTES:]).digest() != content[:DIGEST_BYTES]:
        return None
    line, _, arrays = content[DIGEST_BYTES:].partition(b"\n")
    header = json.loads(line)
    cells, names = tuple(header["cells"]), tuple(header["names"])
    shape, size = (len(cells), len(names)), len(cells) * len(names)
    values = np.frombuffer(arrays, "<f4", count=size).reshape(shape)
    status = np.frombuffer(arrays, np.uint8, offset=4 * size).reshape(shape) if len(arrays) > 4 * size else None
    return Chunk(cells, Features(values, status, names, tuple(header["notices"])), header["seconds"])


def chunk_path(folder: Path, number: int) -> Path:
    """Path of a chunk's file."""
    return folder / f"{number:06d}.chunk"


@contextmanager
def store_errors_as_bench_error(folder: Path) -> Iterator[None]:
    """Convert an OSError to a BenchError that names the store."""
    try:
        yield
    except OSError as error:
        raise BenchError(
            f"the feature store cannot be written ({error.strerror or error}: {folder.parent}); make room there, or "
            "choose another with --store; finished chunks are kept"
        ) from error
