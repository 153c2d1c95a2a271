"""File stamps: what changes when a file is written or replaced."""

from __future__ import annotations

import os
from typing import NamedTuple


class FileStamp(NamedTuple):
    """Size and times of a file.

    The change time counts too: weights of one network all have one size, and copies and archives set the modification
    time freely.

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
    """Return the stamp of a file; raises OSError where there is none."""
    status = os.stat(path)  # noqa: PTH116 (pathlib takes twice as long, and there may be a million)
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
