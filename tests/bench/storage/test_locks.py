"""Errors of locks for the user."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.storage.locks import locked, try_lock


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_raises(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock by the existence of a file would outlive a killed process, so there is no fallback."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BenchError, match=r"this file system cannot lock files .*choose another place with --store"):
        try_lock(tmp_path / "x.lock")
    with pytest.raises(BenchError, match="this file system cannot lock files"), locked(tmp_path / "x.lock"):
        pass
