"""Peak memory of a training."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory(device: str) -> int:
    """Return the largest memory in bytes so far: allocated on the GPU, or resident of this process on the CPU."""
    if device == "cuda":
        import torch  # noqa: PLC0415 - heavy

        return int(torch.cuda.max_memory_allocated())
    return resident_peak()


def resident_peak() -> int:
    """Return the largest resident memory of this process so far, in bytes.

    On Linux it is read from `/proc`, because `ru_maxrss` of a new process begins with the peak of the process that
    started it.
    """
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines() if STATUS.exists() else []
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    unit = 1 if sys.platform == "darwin" else 1024
    return peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
