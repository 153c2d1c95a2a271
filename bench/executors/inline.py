"""An executor that runs tasks in this process, one after the other."""

from __future__ import annotations

from bdb import BdbQuit
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import Any

from bench.errors import Interrupted
from bench.executors.fit_time import FitTime, reported
from bench.executors.task_queue import Task
from bench.executors.threads import limited_threads


class InlineExecutor:
    """Runs tasks in submission order while `wait` is called.

    No worker process starts, so that a debugger works inside a task. A task cannot be killed: there is no time
    limit, one that ends the process ends the run, and processes that it starts are its own affair.

    Parameters
    ----------
    threads : int
        Threads of a task.
    """

    jobs = 1

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._queue: deque[Task] = deque()

    def submit(self, function: Callable[..., Any], *args: Any, fit_time: FitTime | None = None) -> Future[Any]:
        """Queue a call of `function`."""
        task = Task(function, args, fit_time)
        self._queue.append(task)
        return task.future

    def cancel(self, future: Future[Any]) -> None:
        """Cancel a task that has not started."""
        future.cancel()

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Run queued tasks until one of the futures is done, and return those that are done."""
        while not (done := {future for future in futures if future.done()}) and self._queue:
            self._run(self._queue.popleft())
        return done

    def _run(self, task: Task) -> None:
        if not task.future.set_running_or_notify_cancel():
            return
        try:
            with limited_threads(self._threads), reported(task.fit_time):
                result = task.function(*task.args)
        except (KeyboardInterrupt, Interrupted, BdbQuit):
            raise
        except BaseException as error:  # a plugin may raise SystemExit
            task.future.set_exception(error)
        else:
            task.future.set_result(result)
