"""Regular files: read without waiting for a pipe, without reading a device, and, where asked, without a link."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: str | os.PathLike[str], *, follow_link: bool = True) -> BufferedReader:
    """Open a regular file for reading.

    Parameters
    ----------
    path : str or Path
    follow_link : bool
        Whether `path` may be a symbolic link to a regular file.

    Raises
    ------
    OSError
        It cannot be opened, or is a pipe, a device, a folder, or a link that is not followed.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | (0 if follow_link else _NO_LINK))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, *, limit: int, follow_link: bool = True) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    OSError
        As for `open_regular`.
    ValueError
        It is larger.
    """
    with open_regular(path, follow_link=follow_link) as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > limit else file.read(limit + 1)
    if len(content) > limit or size > limit:
        raise ValueError(f"{path}: {max(size, len(content))} bytes; at most {limit} are read")
    return content
