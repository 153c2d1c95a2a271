"""Number of processor cores and the default number of workers."""

from __future__ import annotations

import os


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs(threads: int) -> int:
    """Worker processes that fill this machine's cores."""
    return max(1, cores() // threads)
