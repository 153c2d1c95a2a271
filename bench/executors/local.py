"""Where fits run: a pool of local processes whose tasks can be timed out and that outlives a dead worker."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, TimeoutError
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
from pebble import ProcessExpired, ProcessPool

from bench.errors import BenchError

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)


class _Worker(SpawnProcess):
    """A fresh process that does not run the program of its parent again.

    The standard library's runs the parent's `__main__` first, which is needed where a task lies there. Ours lie in
    modules; and a script without `if __name__ == "__main__":` would start itself in each worker, without end.
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
    """Worker processes on this machine, each with a fixed budget of threads.

    Parameters
    ----------
    jobs : int
        Number of worker processes.
    threads : int
        Threads that a task may use; set before a worker starts.
    """

    def __init__(self, jobs: int, threads: int) -> None:
        self._pool = ProcessPool(
            max_workers=jobs,
            context=_Context(),
            initializer=_start_worker,
            initargs=(threads, os.getpid()),
        )

    def submit(self, task: Callable[..., Any], *args: Any, timeout_s: float | None = None) -> Future[Any]:
        """Run a task in a worker; it is killed when it takes longer than `timeout_s`."""
        future: Future[Any] = self._pool.schedule(task, args=args, timeout=timeout_s)
        return future

    def stop(self) -> None:
        """Kill the workers; what runs is lost."""
        self._pool.stop()
        self._pool.join()


@contextmanager
def local_pool(jobs: int, threads: int) -> Iterator[LocalPool]:
    """A pool that is stopped at the end, also by Ctrl-C.

    The thread variables stand in this process's environment while the pool lives, since a worker reads them when it
    starts, and a dead one is replaced at any time.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    pool = LocalPool(jobs, threads)
    try:
        yield pool
    finally:
        pool.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def reason_of(future: Future[Any]) -> str:
    """Why a task failed, in a sentence; empty where it did not."""
    # `result()` would raise what the task raised, be it the SystemExit of a plugin, which would end this process.
    try:
        error = future.exception()
    except CancelledError:
        return "cancelled"
    if error is None:
        return ""
    if isinstance(error, TimeoutError):
        return f"timed out after {error.args[1] if len(error.args) > 1 else '?'} s (--timeout)"
    if isinstance(error, ProcessExpired):
        return f"the worker process died (exit code {error.exitcode}); out of memory?"
    if isinstance(error, BenchError):
        return str(error)
    return f"{type(error).__name__}: {error}{_place(error)}"


def _place(error: BaseException) -> str:
    """File and line of the worker that raised the error, in brackets; empty where it is not told."""
    frames = _FRAME.findall(str(error.__cause__ or ""))
    return f" ({Path(frames[-1][0]).name}, line {frames[-1][1]})" if frames else ""


def _start_worker(threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(threads)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()


def _die_with(parent: int) -> None:
    """End this worker when the process that started it is gone, killed workers' orphans included."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
