"""One pass over all files of a data set: digests, sizes, and what cannot be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import pandas as pd

from bench.datasets.scanning.file_probe import Look, probe_file, reason
from bench.datasets.scanning.probe_cache import FILE, Key, get_probe, key_of, put_probe
from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.executors.cores import cores
from bench.storage.cache import cache_dir
from extractors.cells import CellFile

Progress = Callable[[int, int], None]

_KEEP_EVERY = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell that cannot be read.

    Parameters
    ----------
    row : int
        Its place in the table of cells.
    cell, path : str
        Its name and image.
    reason : str
        Why, in a few words.
    """

    row: int
    cell: str
    path: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """What a pass over a data set's files found.

    Parameters
    ----------
    table : DataFrame
        One row a cell, index and order as in the data set's table: `cell`; `digest` (SHA-256 over the bytes of image
        and masks, or the way the mask is found, and the scale: the cell's identity, wherever it lies), `sha256` (of the
        image file), `pixels` (SHA-256 of size and decoded RGB), `picture` (the same for turned and mirrored copies),
        all str; `height`, `width`, `mask_px` (px, Int64). Missing where the cell cannot be read.
    problems : tuple of Problem
        The cells that cannot be read, in the order of the table.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...] = ()


def scan(dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None) -> Scan:
    """Read every file of a data set once; files that an earlier pass read and that have not changed are not opened.

    Parameters
    ----------
    dataset : Dataset
        The table of cells.
    threads : int, optional
        Files read at a time. Default: the cores this process may use, at most 8.
    progress : callable, optional
        Called in this thread with the cells done and the cells in all.

    Raises
    ------
    BenchError
        The cache folder cannot be written. What is wrong with a cell is no error here but a `Problem`.
    """
    files = dataset.cells().files
    store = cache_dir() / FILE
    keys = [key_of(file) for file in files]
    known = get_probe(store, [key for key in keys if key is not None])
    found: list[Look | Problem | None] = [None if key is None else known.get(key) for key in keys]
    todo = [row for row, look in enumerate(found) if look is None]
    done = len(files) - len(todo)
    _report(progress, done, len(files))
    fresh: dict[Key, Look] = {}
    for row, look in _looks(files, todo, threads or min(8, cores())):
        found[row] = look
        key = keys[row]
        if isinstance(look, Look) and key is not None:
            fresh[key] = look
        done += 1
        _report(progress, done, len(files))
        if len(fresh) >= _KEEP_EVERY:
            put_probe(store, fresh)
            fresh = {}
    if fresh:
        put_probe(store, fresh)
    return _scanned(dataset, files, found)


def content_digest(dataset: Dataset, scan: Scan) -> str:
    """SHA-256 of what a data set consists of: cells, labels, patients, split units and folds, in order.

    It does not depend on where the files lie or what they are called.

    Raises
    ------
    BenchError
        A cell could not be read.
    """
    if scan.problems:
        raise BenchError(f"{dataset.name}: {len(scan.problems)} cells cannot be read, so it has no digest")
    table = dataset.table
    folds = list(table["fold"]) if "fold" in table else [None] * len(table)
    rows = zip(scan.table["digest"], table["label"], table["patient"], table["unit"], folds, strict=True)
    whole = hashlib.sha256()
    for row in rows:
        whole.update(json.dumps(row).encode() + b"\n")
    return whole.hexdigest()


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _looks(files: Sequence[CellFile], rows: Sequence[int], threads: int) -> Iterator[tuple[int, Look | Problem]]:
    executor = ThreadPoolExecutor(threads)
    try:
        futures: dict[Future[Look | Problem], int] = {executor.submit(_look, row, files[row]): row for row in rows}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _look(row: int, file: CellFile) -> Look | Problem:
    try:
        return probe_file(file)
    except Exception as error:  # a damaged file makes decoders raise anything; each is named, none is passed over
        return Problem(row, file.id, file.path, reason(error, file))


def _scanned(dataset: Dataset, files: Sequence[CellFile], found: Sequence[Look | Problem | None]) -> Scan:
    expected = dataset.table["sha256"] if "sha256" in dataset.table else [None] * len(files)
    checked = [
        _as_expected(row, file, look, None if pd.isna(sha256) else sha256)
        for row, (file, look, sha256) in enumerate(zip(files, found, expected, strict=True))
    ]
    looks = [look if isinstance(look, Look) else None for look in checked]
    table = pd.DataFrame(
        {
            "cell": pd.Series([file.id for file in files], dtype="str"),
            "digest": _column([look and _digest(file, look) for file, look in zip(files, looks, strict=True)], "str"),
            **{
                name: _column([look and getattr(look, name) for look in looks], "str")
                for name in ("sha256", "pixels", "picture")
            },
            **{
                name: _column([look and getattr(look, name) for look in looks], "Int64")
                for name in ("height", "width", "mask_px")
            },
        }
    )
    return Scan(table, tuple(look for look in checked if isinstance(look, Problem)))


def _column(values: Sequence[object], dtype: str) -> pd.Series:
    return pd.Series(list(values), dtype=dtype)


def _as_expected(row: int, file: CellFile, look: Look | Problem | None, sha256: str | None) -> Look | Problem | None:
    if not isinstance(look, Look) or sha256 is None or look.sha256 == sha256:
        return look
    return Problem(row, file.id, file.path, f"its SHA-256 is {look.sha256}, expected is {sha256}: another file")


def _digest(file: CellFile, look: Look) -> str:
    parts = [look.sha256, look.mask_sha256 or file.mask_by, file.um_per_px, file.white_level or 65535]
    if look.nucleus_sha256:
        parts.append(look.nucleus_sha256)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
