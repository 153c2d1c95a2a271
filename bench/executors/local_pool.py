"""A pool of local worker processes, which survives the death of a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import Any

from bench.errors import BenchError
from bench.executors.failures import death_reason
from bench.executors.fit_time import FitTime
from bench.executors.task_queue import Task, TaskQueue
from bench.executors.worker_process import DeadWorkerError, WorkerProcess


class LocalPool:
    """Worker processes on this machine, each with a fixed number of threads.

    A task whose worker dies is run once more while no other task runs, so that a worker that was killed because of the
    memory of another task does not fail. If its worker dies again, the task fails.

    Parameters
    ----------
    jobs : int
        Number of worker processes; each starts with its first task.
    threads : int
        Threads of a task; set before a worker starts.
    """

    def __init__(self, jobs: int, threads: int) -> None:
        self.jobs, self._task_threads = jobs, threads
        self._queue = TaskQueue()
        self._tasks: dict[Future[Any], Task] = {}
        self._workers: dict[int, WorkerProcess] = {}
        self._starting = threading.Lock()
        self._is_stopped = False
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], *args: Any, fit_time: FitTime | None = None) -> Future[Any]:
        """Run a task in a worker, which is killed when the task exceeds its time limit."""
        task = Task(function, args, fit_time)
        self._tasks[task.future] = task
        task.future.add_done_callback(lambda future: self._tasks.pop(future, None))
        self._queue.put(task)
        if len(self._threads) < self.jobs:
            self._threads.append(threading.Thread(target=self._serve, args=(len(self._threads),), daemon=True))
            self._threads[-1].start()
        return task.future

    def cancel(self, future: Future[Any]) -> None:
        """Cancel a task; if it runs, its worker is killed."""
        if not future.cancel() and (task := self._tasks.get(future)) is not None:
            task.cancelled.set()

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Wait until one of the futures is done, at most `timeout_s` seconds; return those that are done."""
        return set(wait(futures, timeout=timeout_s, return_when=FIRST_COMPLETED).done)

    def stop(self) -> None:
        """Kill the workers and their tasks."""
        self._queue.close()
        with self._starting:
            self._is_stopped = True
            for worker in self._workers.values():
                worker.kill()
        for thread in self._threads:
            thread.join()

    def _serve(self, slot: int) -> None:
        """Run tasks in one worker process after the other, until the queue is closed."""
        while (task := self._queue.get()) is not None:
            try:
                if task.alone or task.future.set_running_or_notify_cancel():
                    self._run(slot, task)
            finally:
                self._queue.done(task)

    def _run(self, slot: int, task: Task) -> None:
        try:
            result = self._worker(slot, alone=task.alone).run(task)
        except DeadWorkerError as death:
            if task.alone:
                task.future.set_exception(BenchError(death_reason(death.exit_code)))
            else:
                task.alone = True
                self._queue.put(task)
        except (BenchError, CancelledError, OSError) as error:  # OSError: no process can be started
            task.future.set_exception(error)
        else:
            task.future.set_result(result)

    def _worker(self, slot: int, *, alone: bool) -> WorkerProcess:
        """Return the worker of a slot, started if necessary; `alone`, without the idle workers of other slots."""
        with self._starting:
            if self._is_stopped:
                raise CancelledError
            for other, worker in self._workers.items():
                if alone and other != slot:
                    worker.kill()
            own = self._workers.get(slot)
            if own is None or not own.is_alive:
                if own is not None:
                    own.kill()  # the processes that it left
                own = self._workers[slot] = WorkerProcess(self._task_threads)
            return own
