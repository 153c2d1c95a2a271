"""Detection of NVIDIA GPUs through their driver, without importing torch."""

from __future__ import annotations

import ctypes
from functools import lru_cache

DRIVERS = ("libcuda.so.1", "nvcuda.dll")
"""Libraries of the NVIDIA driver on Linux and Windows; no toolkit is needed."""

DEVICES = ("auto", "cpu", "cuda")


@lru_cache(maxsize=1)
def gpu_count() -> int:
    """Return the number of NVIDIA GPUs visible to this process, respecting `CUDA_VISIBLE_DEVICES`; 0 without driver."""
    for name in DRIVERS:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0


def check_gpus(number: int, device: str) -> None:
    """Check that a fit can use a number of GPUs.

    Parameters
    ----------
    number : int
        1 is always possible: the device itself.
    device : {"cpu", "cuda"}
        A resolved device.

    Raises
    ------
    ValueError
        There are fewer GPUs, or the device is the CPU.
    """
    if number > 1 and device != "cuda":
        raise ValueError(f"{number} GPUs per fit are requested, but networks run on the CPU; use 1")
    if number > 1 and number > gpu_count():
        raise ValueError(f"{number} GPUs per fit are requested, but this machine has {gpu_count()}; use at most that")


def resolved_device(device: str) -> str:
    """Resolve `auto` to `"cpu"` or `"cuda"`.

    Raises
    ------
    ValueError
        Unknown device, or `cuda` without a GPU.
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
