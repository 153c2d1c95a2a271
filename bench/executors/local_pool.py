"""A pool of local worker processes with time limits, which survives the death of a worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

import cv2
from pebble import ProcessPool


class _Worker(SpawnProcess):
    """A spawned process that does not run the parent's `__main__` module.

    The standard library runs it first, in case a task is defined there. Tasks are defined in modules here, and a script
    without `if __name__ == "__main__":` would start itself in each worker, endlessly.
    """

    def start(self) -> None:
        program = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = program


class _Context(SpawnContext):
    Process = _Worker


class LocalPool:
    """Worker processes on this machine, each with a fixed number of threads.

    Parameters
    ----------
    jobs : int
        Number of worker processes.
    threads : int
        Threads of a task; set before a worker starts.
    timeout_s : float, optional
        Seconds after which a task is killed.
    """

    def __init__(self, jobs: int, threads: int, *, timeout_s: float | None = None) -> None:
        self.jobs, self._timeout_s = jobs, timeout_s
        self._pool = ProcessPool(
            max_workers=jobs,
            context=_Context(),
            initializer=_start_worker,
            initargs=(threads, os.getpid()),
        )

    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run a task in a worker, which is killed when the task exceeds the time limit."""
        future: Future[Any] = self._pool.schedule(task, args=args, timeout=self._timeout_s)
        return future

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Wait until one of the futures is done, at most `timeout_s` seconds; return those that are done."""
        return set(wait(futures, timeout=timeout_s, return_when=FIRST_COMPLETED).done)

    def stop(self) -> None:
        """Kill the workers and their tasks."""
        self._pool.stop()
        self._pool.join()


def _start_worker(threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(threads)
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()


def _exit_with(parent: int) -> None:
    """Exit when the parent process is gone, also if it was killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
