"""Main program of a worker process: run tasks until the parent process ends it."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import cv2

from bench.executors.failures import error_reason

STARTED, DONE, FAILED = "started", "done", "failed"


def serve(descriptor: int, parent: int, threads: int) -> None:
    """Receive tasks, run them, and send for each `STARTED`, then `DONE` with the result or `FAILED` with the reason.

    Parameters
    ----------
    descriptor : int
        File descriptor of the connection to the parent process.
    parent : int
        Process id of the parent process.
    threads : int
        Threads of a task.
    """
    os.set_inheritable(descriptor, False)
    # A process that a task forks must not keep the connection open after the death of this one.
    os.register_at_fork(after_in_child=lambda: os.close(descriptor))
    channel, worker = Connection(descriptor), os.getpid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    cv2.setNumThreads(threads)
    while True:
        try:
            call = channel.recv_bytes()
        except (EOFError, OSError):  # OSError: the parent process was killed
            break
        message = _run(channel, call)
        if os.getpid() != worker:  # a process that the task forked has returned from the task, too
            os._exit(0)
        with suppress(OSError):  # as above
            channel.send_bytes(message)


def _run(channel: Connection, call: bytes) -> bytes:
    """Run a pickled call of a function; the imports that it needs are part of the start, not of the task."""
    try:
        task, args = pickle.loads(call)  # noqa: S301 (written by the parent process)
        channel.send_bytes(_message(STARTED))
        return _message(DONE, task(*args))
    except BaseException as error:  # a plugin may raise SystemExit
        return _message(FAILED, error_reason(error))


def _message(kind: str, value: Any = None) -> bytes:
    return pickle.dumps((kind, value))


def _end_with(parent: int) -> None:
    """End this process and those that its tasks started when the parent process is gone, also if it was killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.killpg(0, signal.SIGKILL)
