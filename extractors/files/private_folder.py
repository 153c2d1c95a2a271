"""Folders that only the user can write to, for caches whose files are executed."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check_private_folder(path: Path, *, mode: int = 0o700) -> None:
    """Create a folder if it is missing, and check that only the user can write to it.

    Parameters
    ----------
    path : Path
        The folder; missing parents are created.
    mode : int
        Permissions of a new folder.

    Raises
    ------
    OSError
        It cannot be written, is a link, belongs to another user, other users may write to it, or everybody may replace
        one of its parents.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=mode)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, "a link, or not a folder", str(path))
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it belongs to another user", str(path))
    if os.name == "posix" and status.st_mode & _OTHERS_WRITE:
        raise OSError(errno.EPERM, "other users may write to it", str(path))
    for parent in path.resolve().parents if os.name == "posix" else ():
        if parent.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            raise OSError(errno.EPERM, f"other users may replace it, because they may write to {parent}", str(path))
    with tempfile.TemporaryFile(dir=path):
        pass
