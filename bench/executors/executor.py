"""Interface of executors: submit tasks, wait for futures."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future, TimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError

_FRAME = re.compile(r'^  File "(.+)", line (\d+)', re.MULTILINE)


@dataclass(frozen=True)
class Limits:
    """Bounds on one task.

    Parameters
    ----------
    timeout_s : float or None
        Seconds after which the task is killed; None for no bound.
    """

    timeout_s: float | None = None


NO_LIMITS = Limits()


class Executor(Protocol):
    """Runs tasks, each with a fixed number of threads."""

    @property
    def jobs(self) -> int:
        """Tasks that run at the same time."""

    def submit(self, task: Callable[..., Any], *args: Any, limits: Limits = NO_LIMITS) -> Future[Any]:
        """Queue a call of `task`; its result and arguments must be picklable."""

    def wait(self, futures: Collection[Future[Any]], timeout_s: float | None = None) -> set[Future[Any]]:
        """Wait until one of the futures is done, at most `timeout_s` seconds; return those that are done."""


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
