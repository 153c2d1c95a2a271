"""Features of a data set in the making: extracted shard by shard on a pool, joined when the last shard is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import Any

from filelock import FileLock

from bench.devices import device_of
from bench.errors import BenchError
from bench.executors import LocalPool, reason_of
from bench.locks import POLL_S, try_lock
from bench.observer import Observer
from bench.options import Options
from bench.plugins import Plugin
from bench.store.chunks import extract_shard, join_shards, missing_shards
from bench.store.entry import Entry
from extractors.cells import Cells

Submit = Callable[..., Future[Any]]
"""Gives a worker a function and its arguments."""


@dataclass
class Extraction:
    """Work on one entry of the feature store, whose lock this process holds until `release`.

    Parameters
    ----------
    entry : Entry
        The place of the features.
    cells : int
        Cells of the data set.
    missing : int
        Cells of the shards that had to be extracted.
    shards : int
        Number of these shards.
    left : set of Future
        Shards that are not finished.
    lock : FileLock
        Held.
    """

    entry: Entry
    cells: int
    missing: int
    shards: int
    left: set[Future[Any]]
    lock: FileLock

    @property
    def done(self) -> int:
        """Finished shards."""
        return self.shards - len(self.left)

    def finish(self, future: Future[Any]) -> None:
        """Count a shard as finished.

        Raises
        ------
        BenchError
            It failed; the shards that were still to come are given up.
        """
        self.left.discard(future)
        if reason := reason_of(future):
            for other in self.left:
                other.cancel()
            raise BenchError(reason)

    def join(self) -> None:
        """Make the stored entry of the finished shards.

        Raises
        ------
        BenchError
            The shards do not fit together, or the store cannot be written.
        """
        try:
            join_shards(self.entry, self.cells)
        except OSError as error:
            raise BenchError(f"the feature store cannot be written: {error}") from error

    def release(self) -> None:
        """Let go of the lock."""
        self.lock.release()


def engine_settings(options: Options) -> dict[str, Any]:
    """The parameters that the engine gives to an extractor that learns nothing."""
    return {
        "weights_dir": str(options.weights_dir) if options.weights_dir else None,
        "threads": options.threads,
        "n_jobs": options.threads,
        "device": device_of(options.device),
    }


def begin(entry: Entry, plugin: Plugin, cells: Cells, submit: Submit, engine: dict[str, Any]) -> Extraction | None:
    """Lock an entry and give every shard that it lacks to a worker.

    Returns
    -------
    Extraction or None
        None where another process works on the entry, or has just finished it.
    """
    lock = try_lock(entry.folder.with_name(entry.folder.name + ".lock"))
    if lock is None:
        return None
    if entry.stored:
        lock.release()
        return None
    try:
        shards = missing_shards(entry, len(cells))
        left = {submit(extract_shard, entry, plugin, engine, cells[a:b], number) for number, a, b in shards}
    except BaseException:
        lock.release()
        raise
    return Extraction(entry, len(cells), sum(b - a for _, a, b in shards), len(shards), left, lock)


def extract(
    entry: Entry, plugin: Plugin, cells: Cells, *, pool: LocalPool, options: Options, observer: Observer
) -> int:
    """Extract what an entry lacks, and wait until it is stored.

    Returns
    -------
    int
        Cells that were extracted for it here; 0 where it was stored, or another process stored it.

    Raises
    ------
    BenchError
        A shard failed, or the store cannot be written; finished shards are kept.
    """

    def submit(task: Callable[..., Any], *args: Any) -> Future[Any]:
        return pool.submit(task, *args, timeout_s=options.timeout)

    told = False
    while not entry.stored:
        work = begin(entry, plugin, cells, submit, engine_settings(options))
        if work is not None:
            try:
                _wait(work, f"extract {plugin.selector}", observer)
            finally:
                work.release()
            return work.missing
        if not told and not entry.stored:
            observer.notice(f"another process extracts {plugin.selector}; waiting for it")
            told = True
        time.sleep(POLL_S)
    return 0


def _wait(work: Extraction, task: str, observer: Observer) -> None:
    observer.progress(task, 0, work.shards)
    for future in as_completed(set(work.left)):
        try:
            work.finish(future)
        except BenchError as error:
            raise BenchError(f"the extraction failed: {error}") from error
        observer.progress(task, work.done, work.shards)
    work.join()
