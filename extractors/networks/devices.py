"""Whether this machine has a GPU, asked of its driver without importing torch."""

from __future__ import annotations

import ctypes
from functools import lru_cache

DRIVERS = ("libcuda.so.1", "nvcuda.dll")
"""The NVIDIA driver's own library on Linux and Windows; no toolkit is needed for it."""

DEVICES = ("auto", "cpu", "cuda")


@lru_cache(maxsize=1)
def gpu_count() -> int:
    """NVIDIA GPUs that this process may use; 0 without a driver. `CUDA_VISIBLE_DEVICES` is honoured by the driver."""
    for name in DRIVERS:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0


def resolved_device(device: str) -> str:
    """`"cpu"` or `"cuda"`: what `auto` means on this machine.

    Raises
    ------
    ValueError
        An unknown device, or `cuda` where there is no GPU.
    """
    if device not in DEVICES:
        raise ValueError(f"device={device} is not known; it is one of {', '.join(DEVICES)}")
    if device == "auto":
        return "cuda" if gpu_count() else "cpu"
    if device == "cuda" and not gpu_count():
        raise ValueError(
            "device=cuda, but this machine has no NVIDIA GPU, or no driver for one; use device=cpu or auto"
        )
    return device
