"""Creation of writable folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.storage.folders import writable_folder


def test_a_folder_that_cannot_be_created_raises_with_the_option(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b", "--out").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"cannot be written .*--out"):
        writable_folder(tmp_path / "file" / "b", "--out")
