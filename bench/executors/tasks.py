"""Submitted tasks, and the functions that handle their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from bench.executors.executor import Executor

Handler = Callable[[Future[Any]], None]

_TASKS_PER_JOB = 4
"""Tasks that are queued for each job, so that no worker waits for the next one."""


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
