"""Interface of executors, the choice among them, and the tasks that they run."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import CancelledError, Future, TimeoutError
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError
from bench.executors.cores import default_jobs
from bench.executors.inline import InlineExecutor
from bench.executors.threads import thread_variables

Handler = Callable[[Future[Any]], None]

_TASKS_PER_JOB = 4
"""Tasks that are queued for each job, so that no worker waits for the next one."""

_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)


class Executor(Protocol):
    """Runs tasks, each with a fixed number of threads."""

    @property
    def jobs(self) -> int:
        """Tasks that run at the same time."""

    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        """Queue a call of `task`; its result and arguments must be picklable."""

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Wait until one of the futures is done, at most `timeout_s` seconds; return those that are done."""


@contextmanager
def open_executor(jobs: int | None, threads: int, *, timeout_s: float | None = None) -> Iterator[Executor]:
    """Yield an executor and stop it at the end of the block, also by Ctrl-C.

    One job without a time limit runs in this process; anything else runs in a pool of local worker processes. Libraries
    that are loaded meanwhile, here or in a worker, start with the given number of threads: the pool replaces a dead
    worker at any time.

    Parameters
    ----------
    jobs : int or None
        Tasks that run at the same time; None: as many as the cores allow.
    threads : int
        Threads of a task.
    timeout_s : float, optional
        Seconds after which a task is killed.
    """
    jobs = jobs or default_jobs(threads)
    if jobs == 1 and timeout_s is None:
        with thread_variables(threads):
            yield InlineExecutor(threads)
        return
    from bench.executors.local_pool import LocalPool  # noqa: PLC0415 (only the used executor is imported)

    with thread_variables(threads):
        pool = LocalPool(jobs, threads, timeout_s=timeout_s)
        try:
            yield pool
        finally:
            pool.stop()


class Tasks:
    """Futures in flight, each with its handler.

    Parameters
    ----------
    executor : Executor
        Where tasks run.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._handlers: dict[Future[Any], Handler] = {}

    def __len__(self) -> int:
        return len(self._handlers)

    @property
    def full(self) -> bool:
        """Whether enough tasks are queued to keep all jobs busy."""
        return len(self._handlers) >= _TASKS_PER_JOB * self._executor.jobs

    def submit(self, handler: Handler, task: Callable[..., Any], *args: Any) -> Future[Any]:
        """Queue a call of `task`; `handler` is called with the future when it is done."""
        future = self._executor.submit(task, *args)
        self._handlers[future] = handler
        return future

    def wait(self, timeout_s: float) -> None:
        """Wait until some task is done, at most `timeout_s` seconds, and call the handlers of those that are."""
        for future in self._executor.wait(list(self._handlers), timeout_s):
            if (handler := self._handlers.pop(future, None)) is not None:
                handler(future)

    def drop(self, futures: Iterable[Future[Any]]) -> None:
        """Cancel tasks; those that run already are ignored when they end."""
        for future in futures:
            self._handlers.pop(future, None)
            future.cancel()


def failure_reason(future: Future[Any]) -> str:
    """Return the reason of a failed task as a sentence; an empty string if it succeeded."""
    # `result()` would raise the error of the task; the SystemExit of a plugin would end this process.
    try:
        error = future.exception()
    except CancelledError:
        return "cancelled"
    if error is None:
        return ""
    if isinstance(error, TimeoutError):
        return f"timed out after {error.args[1] if len(error.args) > 1 else '?'} s (--timeout)"
    if type(error).__name__ == "ProcessExpired" and hasattr(error, "exitcode"):  # pebble's, which is not imported here
        return f"the worker process died (exit code {error.exitcode}); out of memory?"
    if isinstance(error, BenchError):
        return str(error)
    return f"{type(error).__name__}: {error}{_location(error)}"


def _location(error: BaseException) -> str:
    """File and line where the error was raised, in brackets; empty if unknown."""
    remote = _FRAME.findall(str(error.__cause__ or ""))  # the traceback of a worker process, as text
    local = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    frames = remote or local
    return f" ({Path(frames[-1][0]).name}, line {frames[-1][1]})" if frames else ""
