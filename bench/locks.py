"""A piece of work that several processes may want is done by the one that holds its lock file."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

POLL_S = 0.5
"""How often a lock that another process holds is tried again."""


def try_lock(path: Path) -> FileLock | None:
    """The lock, held; None where another process, or another lock of this one, holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return None
    return lock
