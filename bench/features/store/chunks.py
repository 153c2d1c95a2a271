"""One chunk of an unfinished entry: extract up to 64 cells into an immutable file that carries its own digest."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError
from bench.features.store.entry import CHUNK, DIGEST_BYTES
from bench.features.store.record import Seconds
from bench.plugins.checked_features import Features, check_weights, checked_features, unexplained_rows
from bench.plugins.plugin import Plugin
from bench.storage.fingerprints import digest
from bench.storage.json_files import MAX_JSON, parse_json
from bench.storage.links import refuse_links
from extractors.cells import Cells
from extractors.files.atomic import atomic_file
from extractors.files.regular import read_regular

MAX_CHUNK_BYTES = 1024**3
"""Largest chunk that is read; 64 cells with a million features have 320 MB."""


class _Header(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    cells: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]], Field(min_length=1, max_length=CHUNK)]
    names: Annotated[list[str], Field(min_length=1)]
    notices: list[str]
    seconds: Seconds


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
    layout : str
        Digest of the feature names and of whether there are status codes.
    cells : int
        Number of cells.
    seconds : float
        Wall time of the worker.
    notices : tuple of str
        Messages of the extractor.
    """

    layout: str
    cells: int
    seconds: float
    notices: tuple[str, ...]

    @classmethod
    def of(cls, chunk: Chunk) -> ChunkInfo:
        """Summarise a chunk."""
        features = chunk.features
        layout = digest([features.names, features.status is not None])
        return cls(layout, len(chunk.cells), chunk.seconds, features.notices)


def extract_chunk(
    path: Path,
    cells: Cells,
    digests: tuple[str, ...],
    plugin: Plugin,
    engine: Mapping[str, Any],
    *,
    weights_sha256: str | None = None,
    config_sha256: str | None = None,
) -> ChunkInfo:
    """Extract the cells of a chunk and write its file; the task of a worker.

    Parameters
    ----------
    path : Path
        The file, in the folder of the unfinished entry.
    cells : Cells
        The cells to extract.
    digests : tuple of str
        SHA-256 of each.
    plugin : Plugin
        The extractor.
    engine : mapping
        Parameters set by the engine.
    weights_sha256 : str, optional
        Digest of the extractor's weights in the key of the entry.
    config_sha256 : str, optional
        Digest of the configuration of its network in the key.

    Raises
    ------
    BenchError
        A feature is infinite, a cell has no feature and no status code gives the reason, a cell cannot be read, its
        files or the weights have changed, or the store cannot be written.
    """
    start, extractor = time.perf_counter(), plugin.build(**engine)
    features = checked_features(extractor, cells, plugin.selector)
    check_weights(extractor, weights_sha256, plugin.selector, config=config_sha256)
    chunk = Chunk(digests, features, time.perf_counter() - start)
    refuse_links(path.parent, path.parent.parent, path.parent.parent.parent)
    with store_errors_as_bench_error(path.parent):
        write_chunk(path, chunk)
    return ChunkInfo.of(chunk)


def write_chunk(path: Path, chunk: Chunk) -> None:
    """Write a chunk atomically: SHA-256 of the rest of the file, one line of JSON, values, status.

    The file is not flushed to disk: one that does not survive a power failure intact has another digest.
    """
    features = chunk.features
    header = {"cells": chunk.cells, "names": features.names, "notices": features.notices, "seconds": chunk.seconds}
    status = b"" if features.status is None else features.status.tobytes()
    content = b"\n".join([json.dumps(header).encode(), features.values.tobytes() + status])
    with atomic_file(path, flush=False) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def read_chunk(path: Path) -> Chunk | None:
    """Read a chunk; None where it is missing or damaged.

    Damaged is a file that is not regular, whose bytes have another digest, or whose content an extraction would refuse:
    a right digest does not show who wrote it.
    """
    try:
        content = read_regular(path, limit=MAX_CHUNK_BYTES, follow_link=False)
    except OSError:
        return None
    if hashlib.sha256(content[DIGEST_BYTES:]).digest() != content[:DIGEST_BYTES]:
        return None
    try:
        return _parsed(content[DIGEST_BYTES:])
    except ValueError:
        return None


def _parsed(content: bytes) -> Chunk:
    """Parse a chunk without its digest; ValueError where `extract_chunk` cannot have written it."""
    line, _, arrays = content.partition(b"\n")
    if len(line) > MAX_JSON:
        raise ValueError("the header is too long")
    header = _Header.model_validate(parse_json(line))
    cells, names, notices = map(tuple, (header.cells, header.names, header.notices))
    shape, size = (len(cells), len(names)), len(cells) * len(names)
    if len(arrays) not in (4 * size, 5 * size):
        raise ValueError("the arrays have another size")
    values = np.frombuffer(arrays, "<f4", count=size).reshape(shape)
    status = np.frombuffer(arrays, np.uint8, offset=4 * size).reshape(shape) if len(arrays) > 4 * size else None
    if np.isinf(values).any() or len(unexplained_rows(values, status)):
        raise ValueError("a value is infinite, or a cell has no feature")
    return Chunk(cells, Features(values, status, names, notices), header.seconds)


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
