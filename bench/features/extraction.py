"""Features of a data set in the making: extracted chunk by chunk on a pool, stored when the last chunk is there."""

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
from bench.features.store.build import Making, begin_build, finish_build, take_up_finished
from bench.features.store.chunks import Made, make_chunk, store_errors_as_bench_error
from bench.features.store.entry import Entry, mark_used
from bench.features.store.repair import Mending, begin_repair, finish_repair
from bench.features.store.verify import examine, trust, usable
from bench.observer import Observer
from bench.options import Options
from bench.plugins.devices import device_of
from bench.plugins.registry import Plugin
from bench.storage.locks import POLL_S, try_lock
from extractors.cells import Cells
from extractors.files.atomic import discard

Submit = Callable[..., Future[Any]]
"""Gives a worker a function and its arguments."""


@dataclass
class Extraction:
    """Work on one entry of the feature store, whose lock this process holds until `release`.

    Parameters
    ----------
    work : Making or Mending
        What is to be done.
    plugin : Plugin
        The extractor.
    options : Options
        Threads and workers, for the record.
    observer : Observer
        Hears what went otherwise than expected.
    left : set of Future
        Chunks that are not finished.
    lock : FileLock
        Held.
    made : dict of int to Made
        Finished chunks, by number.
    """

    work: Making | Mending
    plugin: Plugin
    options: Options
    observer: Observer
    left: set[Future[Any]]
    lock: FileLock
    made: dict[int, Made] = field(default_factory=dict)
    start: float = field(default_factory=time.perf_counter)

    @property
    def entry(self) -> Entry:
        """The place of the features."""
        return self.work.entry

    @property
    def missing(self) -> int:
        """Cells that had to be extracted."""
        return self.work.missing

    @property
    def chunks(self) -> int:
        """Chunks that had to be made."""
        return len(self.work.tasks)

    @property
    def done(self) -> int:
        """Chunks of these that are."""
        return self.chunks - len(self.left)

    def finish(self, future: Future[Any]) -> tuple[str, ...]:
        """Count a chunk as finished.

        Returns
        -------
        tuple of str
            What the extractor says that a person should read; mostly nothing, or the same for every chunk.

        Raises
        ------
        BenchError
            It failed; the chunks that were still to come are given up.
        """
        self.left.discard(future)
        if reason := failure_reason(future):
            for other in self.left:
                other.cancel()
            raise BenchError(reason)
        made: Made = future.result()
        self.made[made.number] = made
        return made.notices

    def join(self) -> None:
        """Make the stored entry of the finished chunks.

        Raises
        ------
        BenchError
            They do not fit together, or the store cannot be written.
        """
        with store_errors_as_bench_error(self.entry.folder):
            if isinstance(self.work, Making):
                finish_build(self.work, self._told())
                trust(self.entry)
                return
            changed = finish_repair(self.work, self.made)
            if not usable(self.entry):
                raise BenchError(f"{self.entry.folder}: damaged so that it cannot be mended; remove this folder")
        if changed:
            self.observer.notice(
                f"{self.plugin.selector}: {len(changed)} mended chunks have come out otherwise than they once did; "
                "what was computed from them before may not come out again"
            )

    def release(self) -> None:
        """Let go of the lock."""
        self.lock.release()

    def _told(self) -> dict[str, Any]:
        wall = time.perf_counter() - self.start
        return {
            "selector": self.plugin.selector,
            "wall_s": round(wall, 3),
            "cells_per_s": round(self.missing / wall, 3),
            "threads": self.options.threads,
            "jobs": self.options.jobs or default_jobs(self.options.threads),
        }


def engine_settings(options: Options) -> dict[str, Any]:
    """The parameters that the engine gives to an extractor that learns nothing."""
    return {
        "weights_dir": str(options.weights_dir) if options.weights_dir else None,
        "threads": options.threads,
        "n_jobs": options.threads,
        "device": device_of(options.device),
    }


def ready(entry: Entry) -> bool:
    """Whether features are stored and whole, to be taken; notes for whoever makes room that they are."""
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
    """Lock an entry and give every chunk that it lacks, or that is damaged, to a worker.

    Parameters
    ----------
    entry : Entry
        The place of the features.
    plugin : Plugin
        The extractor.
    cells : Cells
        Of the data set, prepared.
    digests : sequence of str
        SHA-256 of each cell.
    submit : callable
        Gives a worker a function and its arguments.
    options : Options
        Threads, device and weights.
    observer : Observer
        Hears of damage.

    Returns
    -------
    Extraction or None
        None where another process works on the entry, or has just finished it.

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
        with store_errors_as_bench_error(entry.folder):
            work = _work(entry, plugin, cells, digests, observer)
        if work is None:
            lock.release()
            return None
        extraction = Extraction(work, plugin, options, observer, set(), lock)
        engine = engine_settings(options)
        for task in work.tasks:
            extraction.left.add(submit(make_chunk, task, plugin, engine))
    except BaseException:
        lock.release()
        raise
    return extraction


def _work(
    entry: Entry, plugin: Plugin, cells: Cells, digests: Sequence[str], observer: Observer
) -> Making | Mending | None:
    """What is to be done for an entry whose lock is held; None where nothing is."""
    if entry.folder.exists():
        found = examine(entry.folder, key=entry.key)
        if found.whole:
            trust(entry)
            return None
        if found.layout is not None and found.layout.rows == len(digests):
            work = begin_repair(entry, found, cells, digests)
            observer.notice(f"{plugin.selector}: {work.told} ({entry.folder})")
            return work
        observer.notice(
            f"{plugin.selector}: its features were damaged on disk and are extracted again: "
            f"{found.problem or f'{entry.folder} holds rows of other cells'}"
        )
        discard(entry.folder)
    if take_up_finished(entry):
        return None
    return begin_build(entry, cells, digests)


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
    """Extract what an entry lacks, and wait until it is stored and whole.

    Returns
    -------
    int
        Cells that were extracted for it here; 0 where it was stored, or another process stored it.

    Raises
    ------
    BenchError
        A chunk failed, or the store cannot be written; finished chunks are kept.
    """

    def submit(task: Callable[..., Any], *args: Any) -> Future[Any]:
        return executor.submit(task, *args, limits=Limits(options.timeout))

    told, extracted = False, 0
    while not ready(entry):
        work = begin(entry, plugin, cells=cells, digests=digests, submit=submit, options=options, observer=observer)
        if work is not None:
            try:
                _wait(work, executor, f"extract {plugin.selector}")
            finally:
                work.release()
            extracted += work.missing
        elif not usable(entry):
            if not told:
                observer.notice(f"another process extracts {plugin.selector}; waiting for it")
                told = True
            time.sleep(POLL_S)
    return extracted


def _wait(work: Extraction, executor: Executor, task: str) -> None:
    work.observer.progress(task, 0, work.chunks)
    told: set[str] = set()
    while work.left:
        for future in executor.wait(work.left):
            try:
                notices = work.finish(future)
            except BenchError as error:
                raise BenchError(f"the extraction failed: {error}") from error
            for notice in dict.fromkeys(n for n in notices if n not in told):
                work.observer.notice(notice)
            told.update(notices)
            work.observer.progress(task, work.done, work.chunks)
    work.join()
