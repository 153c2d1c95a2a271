"""Memory that is freed in a training: no page is asked for twice, and all of it is returned afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extractors.networks.training import freed_memory

ROOT = Path(__file__).resolve().parents[4]
PAGES = 100_000_000 // 4096
SCRIPT = """
import json, resource
from pathlib import Path
from extractors.networks.training.freed_memory import reuse_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        bytearray(100_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

before = faults()
with reuse_freed_memory():
    bytearray(100_000_000)
    kept, held = faults(), resident()
print(json.dumps({"before": before, "kept": kept, "after": faults(), "held": held, "returned": resident()}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt of glibc")
def test_pages_are_kept_in_the_block_and_returned_after_it() -> None:
    command = [sys.executable, "-c", SCRIPT]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    pages: dict[str, Any] = json.loads(out)
    assert pages["kept"] < 0.01 * PAGES
    # glibc alone maps each array again, also after the block; transparent huge pages count once for 512 pages.
    assert min(pages["before"], pages["after"]) > 10 * max(1, pages["kept"])
    assert pages["held"] - pages["returned"] > 0.95 * PAGES


def test_other_systems_run_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory.sys, "platform", "darwin")
    with freed_memory.reuse_freed_memory():
        ran = True
    assert ran
