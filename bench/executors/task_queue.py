"""A queue of tasks for several threads, in which a task can be repeated alone."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from bench.executors.fit_time import FitTime


@dataclass(eq=False)
class Task:
    """A call of a function in a worker process.

    Parameters
    ----------
    function : callable
        Function of an importable module.
    args : tuple
        Its arguments.
    fit_time : FitTime or None
        Rules for its time, if it is a fit.
    future : Future
        Receives the result.
    cancelled : Event
        Set when the result is not needed any more; ends the task if it runs.
    alone : bool
        Whether no other task may run beside it: its first worker died.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    fit_time: FitTime | None = None
    future: Future[Any] = field(default_factory=Future)
    cancelled: threading.Event = field(default_factory=threading.Event)
    alone: bool = False


class TaskQueue:
    """Hands tasks to threads, in order; one that is to run alone comes first, as soon as no other task runs.

    Each call of `get` that returns a task is followed by one of `done`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Task] = deque()
        self._running: set[Task] = set()
        self._closed = False

    def put(self, task: Task) -> None:
        """Add a task: at the end, or at the front if it is to run alone."""
        with self._changed:
            if task.alone:
                self._waiting.appendleft(task)
            else:
                self._waiting.append(task)
            self._changed.notify_all()

    def get(self) -> Task | None:
        """Wait for the next task that may start; None when the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._may_start())
            if self._closed:
                return None
            task = self._waiting.popleft()
            self._running.add(task)
            return task

    def done(self, task: Task) -> None:
        """Report that a task runs no longer."""
        with self._changed:
            self._running.discard(task)
            self._changed.notify_all()

    def close(self) -> None:
        """Hand out no more tasks."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_start(self) -> bool:
        """Whether the first task may start beside those that run."""
        if not self._waiting or any(task.alone for task in self._running):
            return False
        return not (self._waiting[0].alone and self._running)
