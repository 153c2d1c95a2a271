"""Output files: invalid paths are refused before the work, and a failed write keeps the earlier file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bench.datasets.readers.manifest import manifest_files
from bench.errors import BenchError
from bench.storage.exports import check_output, output_file


def test_paths_are_checked_before_the_work(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "T.PARQUET", protected=manifest_files("cells/"))
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    for path, complaint in (
        ("t.xlsx", r"\.parquet or \.csv"),
        ("folder.csv", "is a folder"),
        ("file/t.csv", "--output"),
    ):
        with pytest.raises(BenchError, match=complaint):
            check_output(tmp_path / path, protected=manifest_files("cells/"))


@pytest.mark.parametrize("data", ["cells", "cells/manifest.csv", "link.csv"])
def test_the_input_table_is_never_overwritten(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tmp_path / "cells" / "manifest.csv"
    manifest.parent.mkdir()
    manifest.write_text("path,label,patient")
    (tmp_path / "link.csv").symlink_to(manifest)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match="is the input table of the cells"):
        check_output(Path("cells/../cells/manifest.csv"), protected=manifest_files(data))
    check_output(Path("cells/features.csv"), protected=manifest_files(data))


def test_a_full_disk_keeps_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("former")
    full = pytest.raises(BenchError, match=r"t\.csv: cannot be written \(No space left on device\); choose another")
    with full, output_file(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("t.csv", "former")]
