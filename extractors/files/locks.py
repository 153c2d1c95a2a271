"""Inter-process file locks, released by the kernel when their process ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


def try_lock(path: Path) -> FileLock | None:
    """Acquire a lock; return None if another process, or another lock of this process, holds it.

    The empty lock file stays; its existence has no meaning. Filelock's fallback on file systems without locks, a lock
    by existence of a file, is disabled, because it would outlive a killed process.

    Raises
    ------
    OSError, NotImplementedError
        The file cannot be written, or the file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
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
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path, fallback_to_soft=False):
        yield
