"""Inter-process file locks, released by the kernel when their process ends."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


def try_lock(path: Path) -> FileLock | None:
    """Acquire a lock; return None if another process, or another lock of this process, holds it.

    The empty lock file stays; its existence has no meaning. Filelock's fallback on file systems without locks, a lock
    by existence of a file, is disabled, because it would outlive a killed process.

    Raises
    ------
    OSError, NotImplementedError
        The file cannot be written, is a link, a pipe or a device, or the file system has no locks.
    """
    _prepare(path)
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for a lock and hold it while the block runs.

    Raises
    ------
    OSError, NotImplementedError
        As for `try_lock`.
    """
    _prepare(path)
    with FileLock(path, fallback_to_soft=False):
        yield


def _prepare(path: Path) -> None:
    """Create the folder of a lock; raise OSError for a lock file that is a link, a pipe or a device."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
