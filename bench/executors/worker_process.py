"""A worker process, as its parent process sees it."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from bench.errors import BenchError
from bench.executors.fit_time import reported, timed_out
from bench.executors.module_path import installed_first
from bench.executors.task_queue import Task
from bench.executors.worker_main import DONE, STARTED

_POLL_S = 0.1
"""Seconds between two checks of a task for the death of its worker, its time limit and its cancellation."""

_PROGRAM = """
import sys
numbers, sys.path[:] = [int(number) for number in sys.argv[1:4]], sys.argv[4:]
del sys.argv[1:]
from bench.executors.worker_main import serve
serve(*numbers)
"""


class DeadWorkerError(Exception):
    """A worker process ended before its task did.

    Parameters
    ----------
    exit_code : int
        Its exit code, or the negative number of the signal that ended it.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class WorkerProcess:
    """A process that runs tasks one after the other.

    It leads a session of its own, so that Ctrl-C does not reach it and the processes that its tasks start end with it.
    It does not run the parent's `__main__` module, and imports no module from the current folder in place of an
    installed one. A pair of sockets is all that it shares with its parent.

    Parameters
    ----------
    threads : int
        Threads of a task.
    """

    def __init__(self, threads: int) -> None:
        self._channel, other = Pipe()
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        numbers = [str(number) for number in (other.fileno(), os.getpid(), threads)]
        with other:
            self._process = subprocess.Popen(  # noqa: S603 (this interpreter, without a shell)
                [sys.executable, *flags, "-P", "-c", _PROGRAM, *numbers, *installed_first()],
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                start_new_session=True,
            )
        self._is_killed = False

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def run(self, task: Task) -> Any:
        """Run a task and return its result; unless the task ends by itself, the process is killed.

        Raises
        ------
        BenchError
            The task failed, cannot be sent to a process, or exceeded its time limit.
        CancelledError
            The task was cancelled.
        DeadWorkerError
            The process ended before the task did.
        """
        try:
            call = pickle.dumps((task.function, task.args))
        except Exception as error:
            raise BenchError(f"cannot be sent to a worker process: {error}") from error
        try:
            self._channel.send_bytes(call)
            kind, value = self._receive(task)
            if kind == STARTED:
                with reported(task.fit_time):
                    kind, value = self._receive(task, start=time.monotonic())
        except (EOFError, OSError) as error:
            with suppress(subprocess.TimeoutExpired):  # its sockets are closed before it can be waited for
                self._process.wait(0.5)
            self.kill()
            raise DeadWorkerError(self._process.wait()) from error
        except (BenchError, CancelledError):
            self.kill()
            raise
        if kind != DONE:
            raise BenchError(value)
        return value

    def kill(self) -> None:
        """Kill the process and the processes of its session, if that was not done before."""
        if self._is_killed:  # its number may belong to another process by now
            return
        self._is_killed = True
        with suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, if only zombies are left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _receive(self, task: Task, start: float | None = None) -> tuple[str, Any]:
        """Wait for the next message; `start` is the time from which the time limit of a fit counts.

        Raises
        ------
        BenchError, CancelledError
            As for `run`.
        EOFError, OSError
            The process ended.
        """
        limit = None if task.fit_time is None or start is None else task.fit_time.limit_s
        while not self._channel.poll(_POLL_S):
            if task.cancelled.is_set():
                raise CancelledError
            if limit is not None and start is not None and time.monotonic() - start > limit:
                raise BenchError(timed_out(limit))
            if not self.is_alive and not self._channel.poll():  # a process that it started holds the connection open
                raise EOFError
        message: tuple[str, Any] = pickle.loads(self._channel.recv_bytes())  # noqa: S301 (written by the own worker)
        return message
