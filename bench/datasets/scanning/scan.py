"""Scan all files of a dataset: digests, sizes and unreadable cells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import pandas as pd

from bench.datasets.scanning.file_probe import FileProbe, failure_reason, probe_file
from bench.datasets.scanning.probe_cache import FILE, Key, get_probes, key_of, put_probes
from bench.datasets.scanning.reading_notices import reading_notices
from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.executors.cores import cores
from bench.storage.folders import cache_dir
from extractors.cells import CellFile

Progress = Callable[[int, int], None]

_STORE_EVERY = 500
FILE_DIGESTS = ("sha256", "mask_sha256", "nucleus_sha256")
"""Columns of a scan with the digests of image and masks."""

_SIZES = ("height", "width", "mask_px")


@dataclass(frozen=True, slots=True)
class Problem:
    """An unreadable cell.

    Parameters
    ----------
    row : int
        Row of the table of cells.
    cell, path : str
        Name and image of the cell.
    reason : str
        Short reason.
    """

    row: int
    cell: str
    path: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """Result of a scan.

    Parameters
    ----------
    table : DataFrame
        One row per cell, index and order as in the table of the dataset: `cell`; `digest` (SHA-256 of the bytes of
        image and masks, or the mask method, and the scale: identity of the cell, independent of paths), `sha256` (of
        the image file), `mask_sha256` and `nucleus_sha256` (of the mask files), `pixels` (SHA-256 of size and decoded
        RGB), `picture` (independent of the orientation), all str; `height`, `width`, `mask_px` (px, Int64). Missing
        for unreadable cells, as are digests of absent files.
    problems : tuple of Problem
        Unreadable cells, in the order of the table.
    notices : tuple of str
        How images and masks were read, for the user.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()


def scan(dataset: Dataset, *, threads: int | None = None, progress: Progress | None = None) -> Scan:
    """Read every file of a dataset once; unchanged files of earlier scans are taken from the cache.

    Parameters
    ----------
    dataset : Dataset
        Table of cells.
    threads : int, optional
        Files read at a time. Default: the available cores, at most 8.
    progress : callable, optional
        Called in this thread with the number of cells done and the total.

    Raises
    ------
    BenchError
        The cache folder cannot be written. An unreadable cell is not an error here but a `Problem`.
    """
    progress = progress or (lambda done, total: None)
    files = dataset.cells().files
    store = cache_dir() / FILE
    keys = [key_of(file) for file in files]
    known = get_probes(store, [key for key in keys if key is not None])
    results: list[FileProbe | Problem | None] = [None if key is None else known.get(key) for key in keys]
    todo = [row for row, result in enumerate(results) if result is None]
    n_known = len(files) - len(todo)
    progress(n_known, len(files))
    fresh: dict[Key, FileProbe] = {}
    for done, (row, result) in enumerate(_probe_files(files, todo, threads or min(8, cores())), start=n_known + 1):
        results[row] = result
        if isinstance(result, FileProbe) and (key := keys[row]) is not None:
            fresh[key] = result
        progress(done, len(files))
        if len(fresh) >= _STORE_EVERY:
            put_probes(store, fresh)
            fresh = {}
    if fresh:
        put_probes(store, fresh)
    return _scanned(dataset, files, results)


def content_digest(dataset: Dataset, scan: Scan) -> str:
    """SHA-256 of cells, labels, patients, split units and folds, in order.

    It does not depend on paths and names of the files.

    Raises
    ------
    BenchError
        A cell is unreadable.
    """
    if scan.problems:
        raise BenchError(f"{dataset.name}: {len(scan.problems)} cells cannot be read, so it has no digest")
    table = dataset.table
    folds = list(table["fold"]) if "fold" in table else [None] * len(table)
    rows = zip(scan.table["digest"], table["label"], table["patient"], table["unit"], folds, strict=True)
    sha256 = hashlib.sha256()
    for row in rows:
        sha256.update(json.dumps(row).encode() + b"\n")
    return sha256.hexdigest()


def _probe_files(
    files: Sequence[CellFile], rows: Sequence[int], threads: int
) -> Iterator[tuple[int, FileProbe | Problem]]:
    executor = ThreadPoolExecutor(threads)
    try:
        futures = {executor.submit(_probe, row, files[row]): row for row in rows}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _probe(row: int, file: CellFile) -> FileProbe | Problem:
    try:
        return probe_file(file)
    except Exception as error:  # decoders may raise any exception for a damaged file
        return Problem(row, file.id, file.path, failure_reason(error, file))


def _scanned(dataset: Dataset, files: Sequence[CellFile], results: Sequence[FileProbe | Problem | None]) -> Scan:
    expected = dataset.table["sha256"] if "sha256" in dataset.table else [None] * len(files)
    checked = [
        _check_sha256(row, file, result, None if pd.isna(sha256) else sha256)
        for row, (file, result, sha256) in enumerate(zip(files, results, expected, strict=True))
    ]
    probes = [result if isinstance(result, FileProbe) else None for result in checked]
    digests = [probe and _digest(file, probe) for file, probe in zip(files, probes, strict=True)]
    columns = {"cell": pd.Series([file.id for file in files], dtype="str"), "digest": pd.Series(digests, dtype="str")}
    dtypes = {**dict.fromkeys((*FILE_DIGESTS, "pixels", "picture"), "str"), **dict.fromkeys(_SIZES, "Int64")}
    for name, dtype in dtypes.items():
        columns[name] = pd.Series([(probe and getattr(probe, name)) or None for probe in probes], dtype=dtype)
    read = [(file, probe) for file, probe in zip(files, probes, strict=True) if probe is not None]
    notices = reading_notices([file for file, _ in read], [probe for _, probe in read])
    return Scan(pd.DataFrame(columns), tuple(result for result in checked if isinstance(result, Problem)), notices)


def _check_sha256(
    row: int, file: CellFile, result: FileProbe | Problem | None, expected: str | None
) -> FileProbe | Problem | None:
    if not isinstance(result, FileProbe) or expected is None or result.sha256 == expected:
        return result
    return Problem(row, file.id, file.path, f"its SHA-256 is {result.sha256}, expected {expected}: another file")


def _digest(file: CellFile, probe: FileProbe) -> str:
    parts = [probe.sha256, probe.mask_sha256 or str(file.mask_by), file.um_per_px, file.white_level or 65535]
    if probe.nucleus_sha256:
        parts.append(probe.nucleus_sha256)
    if file.mask_values is not None or file.nucleus_values is not None:
        parts += [file.mask_values, file.nucleus_values]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
