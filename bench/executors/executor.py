"""Interface of executors, the choice among them, and the tasks that they run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol

from bench.executors.cores import default_jobs
from bench.executors.fit_time import FitTime
from bench.executors.inline import InlineExecutor
from bench.executors.threads import task_environment

Handler = Callable[[Future[Any]], None]

_TASKS_PER_JOB = 4
"""Tasks that are queued for each job, so that no worker waits for the next one."""


class Executor(Protocol):
    """Runs tasks, each with a fixed number of threads."""

    @property
    def jobs(self) -> int:
        """Tasks that run at the same time."""

    def submit(self, function: Callable[..., Any], *args: Any, fit_time: FitTime | None = None) -> Future[Any]:
        """Queue a call of `function`; its result and arguments must be picklable."""

    def cancel(self, future: Future[Any]) -> None:
        """Cancel a task; one that runs already is killed, or ignored when it ends if it cannot be killed."""

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Wait until one of the futures is done, at most `timeout_s` seconds; return those that are done."""


@contextmanager
def open_executor(
    jobs: int | None, threads: int, *, fit_time: float | None = None, isolated: bool = False
) -> Iterator[Executor]:
    """Yield an executor and stop it at the end of the block, also by Ctrl-C.

    One job without a time limit runs in this process unless `isolated`; anything else runs in a pool of local worker
    processes, which do not import the calling script, and neither do processes that they start. Libraries
    that are loaded meanwhile, here or in a worker, start with the given number of threads: the pool replaces a dead
    worker at any time.

    Parameters
    ----------
    jobs : int or None
        Tasks that run at the same time; None: as many as the cores allow.
    threads : int
        Threads of a task.
    fit_time : float, optional
        Limit on the time of the fits that will be submitted, which then have to run in processes that can be killed.
    isolated : bool
        Whether tasks run in worker processes in any case.
    """
    jobs = jobs or default_jobs(threads)
    if jobs == 1 and fit_time is None and not isolated:
        with task_environment(threads):
            yield InlineExecutor(threads)
        return
    from bench.executors.local_pool import LocalPool  # noqa: PLC0415 (only the used executor is imported)

    with task_environment(threads):
        pool = LocalPool(jobs, threads)
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

    def submit(
        self, handler: Handler, function: Callable[..., Any], *args: Any, fit_time: FitTime | None = None
    ) -> Future[Any]:
        """Queue a call of `function`; `handler` is called with the future when it is done."""
        future = self._executor.submit(function, *args, fit_time=fit_time)
        self._handlers[future] = handler
        return future

    def wait(self, timeout_s: float) -> None:
        """Wait until some task is done, at most `timeout_s` seconds, and call the handlers of those that are."""
        for future in self._executor.wait(list(self._handlers), timeout_s):
            if (handler := self._handlers.pop(future, None)) is not None:
                handler(future)

    def drop(self, futures: Iterable[Future[Any]]) -> None:
        """Cancel tasks; see `Executor.cancel`."""
        for future in futures:
            self._handlers.pop(future, None)
            self._executor.cancel(future)
