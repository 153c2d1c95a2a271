"""An executor that runs tasks in this process, one after the other."""

from __future__ import annotations

from bdb import BdbQuit
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

from bench.executors.threads import limited_threads


class InlineExecutor:
    """Runs tasks in submission order while `wait` is called.

    No worker process starts, so that a debugger works inside a task. A task cannot be killed: there is no time
    limit, and one that ends the process ends the run.

    Parameters
    ----------
    threads : int
        Threads of a task.
    """

    jobs = 1

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._queue: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        """Queue a call of `task`."""
        future: Future[Any] = Future()
        self._queue.append((future, task, args))
        return future

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Run queued tasks until one of the futures is done, and return those that are done."""
        while not (done := {future for future in futures if future.done()}) and self._queue:
            self._run(*self._queue.popleft())
        return done

    def _run(self, future: Future[Any], task: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            with limited_threads(self._threads):
                result = task(*args)
        except (KeyboardInterrupt, BdbQuit):
            raise
        except BaseException as error:  # a plugin may raise SystemExit
            future.set_exception(error)
        else:
            future.set_result(result)
