"""Reasons of failed tasks, as sentences."""

from __future__ import annotations

import signal
import traceback
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

from bench.errors import BenchError


def failure_reason(future: Future[Any]) -> str:
    """Return the reason of a failed task as a sentence; an empty string if it succeeded."""
    # `result()` would raise the error of the task; the SystemExit of a plugin would end this process.
    try:
        error = future.exception()
    except CancelledError:
        return "cancelled"
    return "" if error is None else error_reason(error)


def error_reason(error: BaseException) -> str:
    """Return an error of a task as a sentence, with file and line unless it is a BenchError."""
    if isinstance(error, CancelledError):
        return "cancelled"
    if isinstance(error, BenchError):
        return str(error)
    try:
        text = str(error)
    except Exception as other:  # the error of a plugin may be faulty itself
        text = f"without a message ({type(other).__name__})"
    return f"{type(error).__name__}: {text}{_location(error)}"


def death_reason(exit_code: int) -> str:
    """Return the reason of a task whose worker process ended twice.

    Parameters
    ----------
    exit_code : int
        Exit code of the second process, the negative number of the signal that ended it.
    """
    try:
        how = f"exit code {exit_code}" if exit_code >= 0 else signal.Signals(-exit_code).name
    except ValueError:  # a real-time signal has no name
        how = f"signal {-exit_code}"
    memory = "; out of memory?" if -exit_code == signal.SIGKILL else ""
    return f"the worker process died twice ({how}{memory}), the second time while no other task ran"


def _location(error: BaseException) -> str:
    """File and line where the error was raised, in brackets; empty if unknown."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
