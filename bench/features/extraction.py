"""Extraction of the features of a dataset: chunk by chunk on workers, stored when all chunks are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from filelock import FileLock

from bench.errors import BenchError
from bench.executors.cores import default_jobs
from bench.executors.executor import Executor, Limits, failure_reason
from bench.features.store.build import Build, begin_build, finish_build
from bench.features.store.chunks import ChunkInfo, extract_chunk, store_errors_as_bench_error
from bench.features.store.damage import describe_damage, usable
from bench.features.store.entry import Entry, mark_used
from bench.observer import Observer
from bench.options import Options
from bench.plugins.devices import device_of
from bench.plugins.registry import Plugin
from bench.storage.locks import POLL_S, try_lock
from extractors.cells import Cells

Submit = Callable[..., Future[Any]]
"""Submits a function and its arguments to a worker."""


@dataclass
class Extraction:
    """Extraction of one entry of the feature store, whose lock this process holds until `release`.

    Parameters
    ----------
    build : Build
        The entry to build.
    plugin : Plugin
        The extractor.
    options : Options
        Threads and workers, for the record.
    observer : Observer
        Receives notices.
    lock : FileLock
        The lock of the entry.
    left : set of Future
        Chunks that are not finished.
    """

    build: Build
    plugin: Plugin
    options: Options
    observer: Observer
    lock: FileLock
    left: set[Future[Any]] = field(default_factory=set)
    start: float = field(default_factory=time.perf_counter)

    @property
    def entry(self) -> Entry:
        """The entry."""
        return self.build.entry

    @property
    def missing(self) -> int:
        """Number of cells to extract."""
        return sum(len(task.cells) for task in self.build.tasks)

    @property
    def chunks(self) -> int:
        """Number of chunks to extract."""
        return len(self.build.tasks)

    @property
    def done(self) -> int:
        """Number of these that are finished."""
        return self.chunks - len(self.left)

    def finish(self, future: Future[Any]) -> tuple[str, ...]:
        """Register a finished chunk.

        Returns
        -------
        tuple of str
            Messages of the extractor for the user, usually the same for every chunk.

        Raises
        ------
        BenchError
            It failed, or has other features than the others; the remaining chunks are cancelled.
        """
        self.left.discard(future)
        reason, finished = failure_reason(future), self.build.finished
        if not reason:
            chunk: ChunkInfo = future.result()
            if all(chunk.layout == other.layout for other in list(finished.values())[:1]):
                finished[chunk.number] = chunk
                return chunk.notices
            reason = (
                f"{self.plugin.selector}: chunk {chunk.number} has other features than another one; a stateless "
                "extractor returns the same features for every cell"
            )
        for other in self.left:
            other.cancel()
        raise BenchError(reason)

    def join(self) -> None:
        """Write the entry from the finished chunks.

        Raises
        ------
        BenchError
            The store cannot be written, or does not return what was written.
        """
        wall = time.perf_counter() - self.start
        fields = {
            "selector": self.plugin.selector,
            "wall_s": round(wall, 3),
            "cells_per_s": round(self.missing / wall, 3),
            "threads": self.options.threads,
            "jobs": self.options.jobs or default_jobs(self.options.threads),
        }
        with store_errors_as_bench_error(self.entry.folder):
            changed = finish_build(self.build, fields)
        if not usable(self.entry):
            raise BenchError(
                f"{self.entry.folder}: the features were written and do not read back; the disk loses data, choose "
                "another with --store"
            )
        if changed:
            self.observer.notice(
                f"{self.plugin.selector}: {changed} re-extracted chunks differ from the originals; earlier results "
                "may not be reproducible"
            )

    def release(self) -> None:
        """Release the lock."""
        self.lock.release()


def engine_settings(options: Options) -> dict[str, Any]:
    """Parameters that the engine sets in a stateless extractor."""
    return {
        "weights_dir": str(options.weights_dir) if options.weights_dir else None,
        "threads": options.threads,
        "n_jobs": options.threads,
        "device": device_of(options.device),
    }


def ready(entry: Entry) -> bool:
    """Whether features are stored and intact; records the time of use if they are."""
    if usable(entry):
        mark_used(entry.folder)
        return True
    return False


def begin(
    entry: Entry,
    plugin: Plugin,
    *,
    cells: Cells,
    digests: Sequence[str],
    submit: Submit,
    options: Options,
    observer: Observer,
) -> Extraction | None:
    """Lock an entry and submit every chunk that is missing or damaged.

    Parameters
    ----------
    entry : Entry
        The entry.
    plugin : Plugin
        The extractor.
    cells : Cells
        Prepared cells of the dataset.
    digests : sequence of str
        SHA-256 of each cell.
    submit : callable
        Submits a function and its arguments to a worker.
    options : Options
        Threads, device and weights.
    observer : Observer
        Receives a notice of damage.

    Returns
    -------
    Extraction or None
        None where another process extracts the entry, or has just finished it.

    Raises
    ------
    BenchError
        The store cannot be written, or has no locks.
    """
    with store_errors_as_bench_error(entry.folder):
        lock = try_lock(entry.lock_path)
    if lock is None:
        return None
    try:
        if usable(entry):
            lock.release()
            return None
        if entry.folder.exists():
            damage = describe_damage(entry.folder, key=entry.key)
            observer.notice(f"{plugin.selector}: {damage}; damaged features are extracted again")
        with store_errors_as_bench_error(entry.folder):
            build = begin_build(entry, cells, digests)
        extraction = Extraction(build, plugin, options, observer, lock)
        engine = engine_settings(options)
        for task in build.tasks:
            extraction.left.add(submit(extract_chunk, task, plugin, engine))
    except BaseException:
        lock.release()
        raise
    return extraction


def extract(
    entry: Entry,
    plugin: Plugin,
    *,
    cells: Cells,
    digests: Sequence[str],
    executor: Executor,
    options: Options,
    observer: Observer,
) -> int:
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

    def submit(task: Callable[..., Any], *args: Any) -> Future[Any]:
        return executor.submit(task, *args, limits=Limits(options.timeout))

    waiting, extracted = False, 0
    while not ready(entry):
        work = begin(entry, plugin, cells=cells, digests=digests, submit=submit, options=options, observer=observer)
        if work is not None:
            try:
                _wait(work, executor, f"extract {plugin.selector}")
            finally:
                work.release()
            extracted += work.missing
        elif not usable(entry):
            if not waiting:
                observer.notice(f"another process extracts {plugin.selector}; waiting for it")
                waiting = True
            time.sleep(POLL_S)
    return extracted


def _wait(work: Extraction, executor: Executor, task: str) -> None:
    work.observer.progress(task, 0, work.chunks)
    shown: set[str] = set()
    while work.left:
        for future in executor.wait(work.left):
            try:
                notices = work.finish(future)
            except BenchError as error:
                raise BenchError(f"the extraction failed: {error}") from error
            for notice in dict.fromkeys(n for n in notices if n not in shown):
                work.observer.notice(notice)
            shown.update(notices)
            work.observer.progress(task, work.done, work.chunks)
    work.join()
