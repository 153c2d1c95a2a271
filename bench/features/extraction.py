"""Extraction of the features of a dataset: chunk by chunk on workers, stored when all chunks are finished."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from bench.errors import BenchError
from bench.executors.cores import default_jobs
from bench.executors.executor import Executor, Tasks, open_executor
from bench.executors.failures import failure_reason
from bench.features.store.build import begin_build, finish_build
from bench.features.store.chunks import ChunkInfo, chunk_path, extract_chunk, store_errors_as_bench_error
from bench.features.store.damage import describe_damage, usable
from bench.features.store.entry import Entry, mark_used
from bench.observer import DistinctNotices, Observer
from bench.options import Options
from bench.plugins.devices import device_of, missing_gpu_notice
from bench.plugins.plugin import Plugin
from bench.storage.folders import store_folder, writable_folder
from bench.storage.locks import POLL_S, try_lock
from extractors.cells import Cells


@dataclass(frozen=True)
class FeatureRequest:
    """The features of a dataset, stored or not.

    Parameters
    ----------
    entry : Entry
        Their entry in the feature store.
    plugin : Plugin
        The extractor.
    cells : Cells
        Prepared cells of the dataset.
    digests : sequence of str
        SHA-256 of each cell.
    options : Options
        Threads, device and weights; workers, for the record.
    name : str
        Preparation and extractor, for the progress.
    """

    entry: Entry
    plugin: Plugin
    cells: Cells
    digests: Sequence[str]
    options: Options
    name: str


@dataclass
class _Extraction:
    """Extraction of one entry, whose lock this process holds; `left` are the chunks in flight."""

    request: FeatureRequest
    lock: FileLock
    missing: Mapping[int, Sequence[int]]
    finished: dict[int, ChunkInfo]
    left: set[Future[Any]] = field(default_factory=set)
    start: float = field(default_factory=time.perf_counter)


class Extractions:
    """Starts extractions and follows them until their features are stored.

    Parameters
    ----------
    tasks : Tasks
        Queue to which chunks are submitted.
    observer : Observer
        Receives progress, and notices of damage and of the extractors.

    Attributes
    ----------
    extracted : int
        Number of cells whose features were extracted and stored.
    """

    def __init__(self, tasks: Tasks, observer: Observer) -> None:
        self._tasks, self._observer = tasks, observer
        self._running: dict[Path, _Extraction] = {}
        self._failures: dict[Path, str] = {}
        self.extracted = 0

    def failure(self, entry: Entry) -> str:
        """Return why the features of an entry could not be extracted; an empty string if they could."""
        return self._failures.get(entry.folder, "")

    def is_running(self, entry: Entry) -> bool:
        """Whether chunks of an entry are in flight."""
        return entry.folder in self._running

    def start(self, request: FeatureRequest) -> bool:
        """Lock an entry and submit every chunk that is missing or damaged; False if another process has the lock.

        Raises
        ------
        BenchError
            The store cannot be written, or has no locks.
        """
        entry, plugin, cells, digests = request.entry, request.plugin, request.cells, request.digests
        if not len(cells) or len(cells) != len(digests):
            raise BenchError(f"{len(digests)} digests for {len(cells)} cells; at least one cell is needed")
        entry.check_no_links()
        with store_errors_as_bench_error(entry.folder):
            lock = try_lock(entry.lock_path)
        if lock is None:
            return False
        with ExitStack() as stack:
            stack.callback(lock.release)
            if usable(entry):  # another process has just finished it
                return True
            if entry.folder.exists():
                damage = describe_damage(entry.folder, key=entry.key)
                self._observer.notice(f"{plugin.selector}: {damage}; damaged features are extracted again")
            with store_errors_as_bench_error(entry.folder):
                work = _Extraction(request, lock, *begin_build(entry, digests))
            engine = engine_settings(request.options)
            weights, config = (entry.components.get(name) for name in ("weights", "config"))
            task = partial(extract_chunk, weights_sha256=weights, config_sha256=config)
            for number, rows in work.missing.items():
                chunk = (chunk_path(entry.partial, number), cells.take(rows), tuple(digests[row] for row in rows))
                chunk_done = partial(self._proceed, work, number)
                work.left.add(self._tasks.submit(chunk_done, task, *chunk, plugin, engine))
            stack.pop_all()
        self._running[entry.folder] = work
        self._proceed(work)
        return True

    def release(self) -> None:
        """Release all locks."""
        for work in self._running.values():
            work.lock.release()

    def _proceed(self, work: _Extraction, *chunk: Any) -> None:
        """Register a finished chunk (number and future), if any, and write the entry after the last one.

        A failure cancels the other chunks.
        """
        folder, chunks = work.request.entry.folder, len(work.missing)
        try:
            if chunk:
                self._register(work, *chunk)
            self._observer.progress(f"extract {work.request.name}", chunks - len(work.left), chunks)
            if work.left:
                return
            self._store(work)
        except BenchError as error:
            self._failures[folder] = str(error)
        self._tasks.drop(work.left)
        work.lock.release()
        del self._running[folder]

    def _register(self, work: _Extraction, number: int, future: Future[Any]) -> None:
        work.left.discard(future)
        if reason := failure_reason(future):
            raise BenchError(reason)
        chunk: ChunkInfo = future.result()
        if any(chunk.layout != other.layout for other in list(work.finished.values())[:1]):
            raise BenchError(
                f"{work.request.plugin.selector}: chunk {number} has other features than another one; a "
                "stateless extractor returns the same features for every cell"
            )
        work.finished[number] = chunk
        for notice in chunk.notices:
            self._observer.notice(notice)

    def _store(self, work: _Extraction) -> None:
        """Write the entry from the finished chunks and read it back."""
        entry, selector, options = work.request.entry, work.request.plugin.selector, work.request.options
        wall, cells = time.perf_counter() - work.start, sum(map(len, work.missing.values()))
        fields = {
            "selector": selector,
            "wall_s": round(wall, 3),
            "cells_per_s": round(cells / wall, 3),
            "threads": options.threads,
            "jobs": options.jobs or default_jobs(options.threads),
        }
        with store_errors_as_bench_error(entry.folder):
            changed = finish_build(entry, work.request.digests, work.finished.values(), fields)
        if not usable(entry):
            raise BenchError(
                f"{entry.folder}: the features were written and do not read back; the disk loses data, choose "
                "another with --store"
            )
        if changed:
            self._observer.notice(
                f"{selector}: {changed} re-extracted chunks differ from the originals; earlier results may not be "
                "reproducible"
            )
        self.extracted += cells


def key_settings(options: Options) -> dict[str, Any]:
    """Parameters of the engine that may be part of a key, as arguments of `entry_of` and `extractor_identity`."""
    return {
        "weights_dir": str(options.weights_dir) if options.weights_dir else None,
        "threads": options.threads,
        "device": device_of(options.device),
        "gpus_per_fit": options.gpus_per_fit,
    }


def engine_settings(options: Options) -> dict[str, Any]:
    """Parameters that the engine sets in a stateless extractor."""
    return {**key_settings(options), "n_jobs": options.threads, "gpu_strategy": options.strategy}


def ready(entry: Entry) -> bool:
    """Whether features are stored and intact; records the time of use if they are."""
    if usable(entry):
        mark_used(entry.folder)
        return True
    return False


def ensure_stored(request: FeatureRequest, observer: Observer) -> int:
    """Extract features that are not stored; see `extract`."""
    options = request.options
    if ready(request.entry):
        return 0
    writable_folder(store_folder(options.store), "--store")
    if notice := missing_gpu_notice(options.device, [request.plugin]):
        observer.notice(notice)
    with open_executor(options.jobs, options.threads) as executor:
        return extract(request, executor, observer)


def extract(request: FeatureRequest, executor: Executor, observer: Observer) -> int:
    """Extract what an entry lacks, and wait until it is stored and intact.

    Returns
    -------
    int
        Number of cells that were extracted here; 0 where they were stored, or extracted by another process.

    Raises
    ------
    BenchError
        A chunk failed, or the store cannot be written; finished chunks are kept.
    """
    tasks, observer = Tasks(executor), DistinctNotices(observer)
    extractions = Extractions(tasks, observer)
    try:
        while not ready(request.entry):
            if reason := extractions.failure(request.entry):
                raise BenchError(f"the extraction failed: {reason}")
            if tasks:
                tasks.wait(POLL_S)
            elif not extractions.start(request):
                observer.notice(f"another process extracts {request.plugin.selector}; waiting for it")
                time.sleep(POLL_S)
    finally:
        extractions.release()
    return extractions.extracted
