"""File stamps: size and times, to detect changed files."""

from __future__ import annotations

import os
from typing import NamedTuple


class FileStamp(NamedTuple):
    """Size and times of a file.

    The change time is included because all weights of a network have the same size, and copies and archives set the
    modification time.

    Parameters
    ----------
    size : int
        In bytes.
    mtime_ns, ctime_ns : int
        Modification and change time in nanoseconds since 1970.
    """

    size: int
    mtime_ns: int
    ctime_ns: int


def file_stamp(path: str | os.PathLike[str]) -> FileStamp:
    """Return the stamp of a file; raises OSError if it does not exist."""
    status = os.stat(path)  # noqa: PTH116 (pathlib takes twice as long, which matters for a million files)
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
