"""File locks of results folders and stores, with errors for the user."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from bench.errors import BenchError
from extractors.files import locks

POLL_S = 0.5
"""Seconds between two attempts at a lock that another process holds."""

_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Error numbers of a file system without locks."""


def try_lock(path: Path) -> FileLock | None:
    """Acquire a lock; None if another process, or another lock of this process, holds it.

    Raises
    ------
    BenchError
        The file system has no locks.
    OSError
        The file cannot be written.
    """
    with _no_locks_as_bench_error(path):
        return locks.try_lock(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock while the block runs; waits for it. Raises as `try_lock` does."""
    with _no_locks_as_bench_error(path), locks.locked(path):
        yield


@contextmanager
def _no_locks_as_bench_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        raise BenchError(
            f"{path.parent}: this file system cannot lock files ({error}), so two runs could do the same work "
            "at the same time; choose another place with --store and --out"
        ) from error
