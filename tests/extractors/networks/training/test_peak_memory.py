"""Peak memory: of the process itself, not of the one that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from extractors.networks.training import peak_memory

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = """
from extractors.networks.training.peak_memory import resident_peak
before = resident_peak()
held = bytearray(200_000_000)
del held
print(before, resident_peak())
"""


def _peaks() -> tuple[int, int]:
    """Peaks of a new process before and after it has held 200 MB."""
    command = [sys.executable, "-c", SCRIPT]
    before, after = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    return int(before), int(after)


def test_memory_that_was_freed_counts() -> None:
    before, after = _peaks()
    # At the allocation, the resident memory may be a little below the peak so far.
    assert 195e6 <= after - before <= 205e6


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_a_new_process_does_not_begin_with_the_peak_of_its_parent() -> None:
    held = np.ones(25_000_000)
    assert peak_memory.resident_peak() > held.nbytes
    before, _ = _peaks()
    assert 5e6 < before < 1e8


def test_without_proc_the_peak_is_that_of_the_system_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = peak_memory.resident_peak()
    monkeypatch.setattr(peak_memory, "STATUS", tmp_path / "missing")
    assert peak_memory.resident_peak() >= 0.9 * expected
