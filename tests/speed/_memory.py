"""Peak memory of a part of a process; needs Linux."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from extractors.networks.training.peak_memory import resident_peak


def peak_of(work: Callable[[], object]) -> float:
    """Return the largest resident memory in MiB while a function runs."""
    reset_peak()
    work()
    return peak_since_reset()


def reset_peak() -> None:
    """Forget the peak of what ran before in this process."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_since_reset() -> float:
    """Return the largest resident memory in MiB since `reset_peak`."""
    return resident_peak() / 2**20
