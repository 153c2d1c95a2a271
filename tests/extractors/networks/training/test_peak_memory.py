"""Peak memory: of the process itself, not of the one that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from extractors.networks.training import peak_memory
from extractors.networks.training.peak_memory import resident_peak

ROOT = Path(__file__).resolve().parents[4]
CHILD = "from extractors.networks.training.peak_memory import resident_peak; print(resident_peak())"


def test_memory_that_was_freed_counts() -> None:
    before = resident_peak()
    np.ones(before // 8 + 25_000_000).sum()
    assert resident_peak() >= before + 200e6


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_a_new_process_does_not_begin_with_the_peak_of_its_parent() -> None:
    held = np.ones(100_000_000)
    output = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert resident_peak() >= held.nbytes
    assert 5e6 < int(output) < 2e8


def test_without_proc_the_peak_is_that_of_the_system_call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = resident_peak()
    monkeypatch.setattr(peak_memory, "STATUS", tmp_path / "missing")
    assert peak_memory.resident_peak() >= 0.9 * expected
