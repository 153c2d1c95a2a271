"""A piece of work that several processes may want is done by the one that holds its lock file."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import BenchError

POLL_S = 0.5
"""How often a lock that another process holds is tried again."""

_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system answers that has no locks."""


def try_lock(path: Path) -> FileLock | None:
    """The lock, held; None where another process, or another lock of this one, holds it.

    The kernel lets go of it when its process ends, however that ends; the empty file stays and says nothing.

    Raises
    ------
    BenchError
        The file system has no locks.
    OSError
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A lock by a file's existence alone, filelock's own way out, would outlive a killed process.
    lock = FileLock(path, fallback_to_soft=False)
    with _without_locks_told(path):
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
    return lock


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock for a moment's work, waiting for it; its folder must be there."""
    lock = FileLock(path, fallback_to_soft=False)
    with _without_locks_told(path):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _without_locks_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise BenchError(
            f"{path.parent}: this file system cannot lock files ({error}), so two runs could not tell that they do the "
            "same work; choose another place with --store and --out"
        ) from error
