"""Peak memory of a training."""

from __future__ import annotations

import resource
import sys


def peak_memory(device: str) -> int:
    """Return the largest memory in bytes so far: allocated on the GPU, or resident of this process on the CPU."""
    import torch  # noqa: PLC0415 - heavy

    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
