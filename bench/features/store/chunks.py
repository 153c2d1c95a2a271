"""One chunk of an entry in the making: extracted or copied, written to its place, and only then recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.features.store.checked_output import Extracted, extracted
from bench.features.store.entry import STATUS, VALUES, entry_record, open_features, open_status
from bench.features.store.layout import Layout, agree
from bench.plugins.registry import Plugin
from bench.storage.json_files import read_json
from extractors.cells import Cells
from extractors.files.atomic import atomic_file

CHUNKS = "chunks"
"""Folder of an unfinished entry that holds a record for each finished chunk."""


@dataclass(frozen=True)
class Task:
    """What one worker does for one chunk.

    Parameters
    ----------
    folder : Path
        Where the matrices lie.
    number : int
        Of the chunk.
    rows : int
        Of the whole matrix.
    cells : Cells
        What is to be extracted.
    places : tuple of tuple of int
        Rows of the matrix that each of these cells fills: several where a chunk holds one cell more than once.
    copies : tuple of (int, Path, int)
        Rows of the matrix, and the entry and its row from which each is copied.
    waiting : tuple of int
        Rows of the matrix that stay zero, until the chunk that holds the same cell is there.
    layout : Layout or None
        Where a stored entry is mended, what it is; None for an unfinished one, whose first chunk decides.
    """

    folder: Path
    number: int
    rows: int
    cells: Cells
    places: tuple[tuple[int, ...], ...]
    copies: tuple[tuple[int, Path, int], ...] = ()
    waiting: tuple[int, ...] = ()
    layout: Layout | None = None


@dataclass(frozen=True)
class Made:
    """A finished chunk.

    Parameters
    ----------
    number : int
        Which.
    checksum : str
        SHA-256 over its values and then its status, in hexadecimal.
    extracted, reused : int
        Cells that were computed, and rows that were copied from other entries.
    waiting : tuple of int
        Rows of the matrix that are still to be copied from other chunks, and zero until then.
    seconds : float
        Wall time of the worker.
    notices : tuple of str
        What the extractor said.
    """

    number: int
    checksum: str
    extracted: int
    reused: int
    waiting: tuple[int, ...] = ()
    seconds: float = 0.0
    notices: tuple[str, ...] = ()


def make_chunk(task: Task, plugin: Plugin, engine: Mapping[str, Any]) -> Made:
    """Extract or copy the rows of a chunk and write them; the record comes last, so that it vouches for the bytes.

    Raises
    ------
    BenchError
        A feature is infinite, a cell has no feature and no status says why, a cell cannot be read, the chunk has other
        features than the first one, or the store cannot be written.
    """
    start, name = time.perf_counter(), plugin.selector
    found = extracted(plugin.build(**engine), task.cells, name) if len(task.cells) else None
    layout = _layout(task, found)
    with store_errors_as_bench_error(task.folder):
        if task.layout is None:
            agree(task.folder, layout, name, layout.bounds(task.number)[0])
        elif layout != task.layout:
            raise BenchError(f"{name}: it gives other features than it once did; remove {task.folder}")
        parts = _parts(task, layout, found)
        layout.write(task.folder, task.number, parts)
        made = Made(
            number=task.number,
            checksum=layout.sum(parts).hex(),
            extracted=len(task.cells),
            reused=len(task.copies),
            waiting=task.waiting,
            seconds=time.perf_counter() - start,
            notices=() if found is None else found.notices,
        )
        if task.layout is None:
            write_made(task.folder, made)
    return made


def write_made(folder: Path, made: Made) -> None:
    """Record a finished chunk of an unfinished entry, whole.

    The disk is not waited for: whoever takes the entry up holds each record against the bytes, so one that outlives a
    power failure without its chunk does not count.
    """
    with atomic_file(_record(folder, made.number), flush=False) as temporary:
        temporary.write_text(json.dumps(asdict(made)), encoding="utf-8")


def read_made(folder: Path, layout: Layout) -> dict[int, Made]:
    """The finished chunks of an unfinished entry whose bytes are those that were recorded."""
    found = (_read_made(folder, number) for number in range(layout.chunks))
    return {made.number: made for made in found if made is not None and _as_recorded(folder, layout, made)}


@contextmanager
def store_errors_as_bench_error(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into a sentence."""
    try:
        yield
    except OSError as error:
        raise BenchError(
            f"the feature store cannot be written ({error.strerror or error}: {folder.parent}); make room there, or "
            "choose another with --store; what is finished is kept"
        ) from error


def _layout(task: Task, found: Extracted | None) -> Layout:
    if found is not None:
        return Layout(task.rows, found.names, found.status is not None)
    return Layout(task.rows, *_shape_of(task.copies[0][1]))


def _shape_of(folder: Path) -> tuple[tuple[str, ...], bool]:
    layout = Layout.of(entry_record(folder))
    return layout.names, layout.status


def _parts(task: Task, layout: Layout, found: Extracted | None) -> dict[str, bytes]:
    first, end = layout.bounds(task.number)
    arrays = {n: np.zeros((end - first, len(layout.names)), dtype=kind) for n, kind in layout.files.items()}
    if found is not None:
        for given, places in enumerate(task.places):
            for row in places:
                arrays[VALUES][row - first] = found.values[given]
                if found.status is not None:
                    arrays[STATUS][row - first] = found.status[given]
    for folder in dict.fromkeys(folder for _, folder, _ in task.copies):
        if _shape_of(folder) != (layout.names, layout.status):
            raise BenchError(f"{folder}: other features than expected; run the same command again without it")
        to, of = np.array([(row - first, there) for row, source, there in task.copies if source == folder]).T
        arrays[VALUES][to] = open_features(folder)[of]
        if (status := open_status(folder)) is not None:
            arrays[STATUS][to] = status[of]
    return {name: array.tobytes() for name, array in arrays.items()}


def _record(folder: Path, number: int) -> Path:
    return folder / CHUNKS / f"{number:06d}.json"


def _read_made(folder: Path, number: int) -> Made | None:
    path = _record(folder, number)
    if not path.is_file():
        return None
    try:
        told = read_json(path)
        made = Made(**{**told, "waiting": tuple(told["waiting"]), "notices": tuple(told["notices"])})  # type: ignore[arg-type]  # checked below
    except (BenchError, KeyError, TypeError):
        return None
    numbers = (made.number, made.extracted, made.reused, *made.waiting)
    sound = all(type(n) is int for n in numbers) and isinstance(made.seconds, int | float) and made.number == number
    return made if sound and all(isinstance(text, str) for text in (made.checksum, *made.notices)) else None


def _as_recorded(folder: Path, layout: Layout, made: Made) -> bool:
    parts = layout.read(folder, made.number)
    if made.waiting:
        first, end = layout.bounds(made.number)
        if not all(first <= row < end for row in made.waiting):
            return False
        try:
            arrays = layout.arrays(made.number, parts)
        except ValueError:
            return False
        for array in arrays.values():
            array[np.array(made.waiting) - first] = 0
        parts = {name: array.tobytes() for name, array in arrays.items()}
    return layout.sum(parts).hex() == made.checksum
