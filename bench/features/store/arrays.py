"""Arrays on disk: NumPy's own format with a header that is known beforehand, so that no header has to be trusted."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError


def header(shape: tuple[int, int], dtype: npt.DTypeLike) -> bytes:
    """The first bytes of a `.npy` file, version 1.0, little endian, in C order.

    Written here, since NumPy may write the same header in other bytes one day.

    References
    ----------
    NEP 1, A simple file format for NumPy arrays.
    """
    descr = np.dtype(dtype).newbyteorder("<").str
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {tuple(map(int, shape))}, }}".encode("ascii")
    length = -(-(10 + len(text) + 1) // 64) * 64 - 10
    return b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n"


def open_array(path: Path, shape: tuple[int, int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Map a file that holds an array of just this shape and type; read-only.

    Raises
    ------
    BenchError
        It cannot be read, is shorter or longer, or its header tells something else.
    """
    expected = header(shape, dtype)
    size = len(expected) + shape[0] * shape[1] * np.dtype(dtype).itemsize
    try:
        with reading(path) as descriptor:
            found, length = read_at(descriptor, len(expected), 0), os.fstat(descriptor).st_size
        if found != expected or length != size:
            what = "its header is damaged" if length == size else f"{length} bytes, {size} are expected"
            raise BenchError(
                f"{path}: the stored features cannot be read ({what}); the next run that needs them extracts them "
                "again, and bench features verify looks at all of them"
            )
        return np.memmap(path, dtype=dtype, mode="r", offset=len(expected), shape=shape)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: the stored features cannot be read ({error})") from error


@contextmanager
def reading(path: Path) -> Iterator[int]:
    """A descriptor of a plain file; raises OSError for a link and for anything else, a pipe too, without waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no plain file", str(path))
        yield descriptor
    finally:
        os.close(descriptor)


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all bytes at an offset by ordinary calls, so that a full disk is an error and not a signal."""
    left = memoryview(data).cast("B")
    while len(left):
        written = os.pwrite(descriptor, left, offset)
        if not written:
            raise OSError(errno.EIO, "nothing could be written")
        left, offset = left[written:], offset + written


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """The bytes at an offset; fewer where the file ends."""
    parts = []
    while length and (part := os.pread(descriptor, length, offset)):
        parts.append(part)
        length, offset = length - len(part), offset + len(part)
    return b"".join(parts)
