"""Locks are exclusive and released by the kernel when their process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from extractors.files.locks import locked, try_lock

HOLDER = """
import sys
from pathlib import Path
from extractors.files.locks import try_lock
lock = try_lock(Path(sys.argv[1]))
print(lock is not None, flush=True)
sys.stdin.readline()
"""


def test_a_lock_is_exclusive(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "new" / "x.lock")
    assert lock is not None
    assert try_lock(tmp_path / "new" / "x.lock") is None
    lock.release()
    with locked(tmp_path / "new" / "x.lock"):
        assert try_lock(tmp_path / "new" / "x.lock") is None
    assert try_lock(tmp_path / "new" / "x.lock") is not None


def test_a_lock_is_released_when_its_process_ends(tmp_path: Path) -> None:
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


def test_other_disk_errors_are_raised_unchanged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        try_lock(tmp_path / "file" / "x.lock")
