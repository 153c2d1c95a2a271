"""The lock file: every package has hashes, no host is named."""

from __future__ import annotations

import re
from pathlib import Path

LOCK = (Path(__file__).resolve().parents[2] / "requirements.lock").read_text(encoding="utf-8")
PACKAGE = re.compile(r"[a-z0-9._-]+==\S+(?: ; [^\\]+?)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def test_the_lock_holds_pinned_packages_with_hashes_and_nothing_else() -> None:
    packages = PACKAGE.findall(LOCK)
    assert len(packages) > 100
    assert "".join(packages) == LOCK


def test_training_uses_pytorch_lightning() -> None:
    # Two releases of the package lightning, which contains the same code, stole credentials in 2026.
    names = set(re.findall(r"^([a-z0-9._-]+)==", LOCK, re.MULTILINE))
    assert "pytorch-lightning" in names
    assert "lightning" not in names
