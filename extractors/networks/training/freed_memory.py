"""Memory that a block frees: held by the process for its next allocation, instead of returned to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of glibc's `mallopt` (malloc.h), and the values that glibc reaches by itself in a long process.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
LARGEST_MMAP_THRESHOLD = 32 * 2**20
DEFAULT_MMAP_MAX = 65_536


@contextmanager
def reuse_freed_memory() -> Iterator[None]:
    """Keep the memory that the block frees until the block ends; without effect where the C library is not glibc.

    glibc returns each array of 32 MB or more to the system when it is freed. The maps of a network are as large, and
    each step of a training would get all its memory page by page again: a quarter of the CPU time of `unnithan` with
    32 images of 96 pixels.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "gnu_get_libc_version"):
        yield
        return
    library.mallopt(M_MMAP_MAX, 0)
    library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        library.mallopt(M_MMAP_MAX, DEFAULT_MMAP_MAX)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        library.mallopt(M_TRIM_THRESHOLD, 2 * LARGEST_MMAP_THRESHOLD)
        library.malloc_trim(0)
