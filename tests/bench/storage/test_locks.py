"""Locks of the operating system: one holder, released with its process."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.storage.locks import locked, try_lock

HOLDER = """
import sys
from pathlib import Path
from bench.storage.locks import try_lock
lock = try_lock(Path(sys.argv[1]))
print(lock is not None, flush=True)
sys.stdin.readline()
"""


def test_one_holder(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "new" / "x.lock")
    assert lock is not None
    assert try_lock(tmp_path / "new" / "x.lock") is None
    lock.release()
    with locked(tmp_path / "new" / "x.lock"):
        assert try_lock(tmp_path / "new" / "x.lock") is None
    assert try_lock(tmp_path / "new" / "x.lock") is not None


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert try_lock(path) is None
        holder.send_signal(signal.SIGKILL)
    assert try_lock(path) is not None
    assert path.stat().st_size == 0


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_an_error(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock by the existence of a file would outlive a killed process, so there is no fallback."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BenchError, match=r"this file system cannot lock files .*choose another place with --store"):
        try_lock(tmp_path / "x.lock")
    with pytest.raises(BenchError, match="this file system cannot lock files"), locked(tmp_path / "x.lock"):
        pass


def test_other_disk_errors_pass_unchanged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        try_lock(tmp_path / "file" / "x.lock")
