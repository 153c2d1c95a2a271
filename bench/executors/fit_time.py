"""Rules for the time of a fit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NOTICE_S = 3600.0
"""Seconds after which a fit without a limit is reported."""


@dataclass(frozen=True)
class FitTime:
    """Rules for the time of a fit, which begins when a worker has loaded the task.

    Parameters
    ----------
    limit_s : float or None
        Seconds after which the worker is killed; None: no limit.
    report : callable
        Called once, from another thread, when a fit without a limit has run for `NOTICE_S` seconds.
    """

    limit_s: float | None
    report: Callable[[], None]


def timed_out(limit_s: float) -> str:
    """Return the reason of a fit that exceeded its limit."""
    return f"timed out after {limit_s:g} s (--fit-time)"


@contextmanager
def reported(fit_time: FitTime | None) -> Iterator[None]:
    """Report a fit without a limit if the block runs for `NOTICE_S` seconds."""
    if fit_time is None or fit_time.limit_s is not None:
        yield
        return
    timer = threading.Timer(NOTICE_S, fit_time.report)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
