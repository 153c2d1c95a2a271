"""Output files: inputs and foreign files are refused before the work, and a failed write keeps the earlier file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.features.store.entry import write_entry
from bench.features.table import FeatureTable
from bench.storage.exports import (
    CATALOGUE,
    FEATURES,
    FOLDS,
    LINKS,
    QUALITY,
    REPORT,
    SCORES,
    SHEET,
    Export,
    check_output,
    output_file,
)

FOREIGN = {
    "table.csv": b"path,label,patient\nc.png,a,p\n",
    "ids.csv": b"id,patient,label,path\n1,p,a,c.png\n",
    "hand.csv": b"patient_a,patient_b\nP1,P2\n",
    "annotated.csv": b"cell,patient,label,area_px,pieces,nucleus_ratio,my_annotation\n",
    "r.csv": b'"id","patient","label","mean.area"\n',
    "notes.txt": b"folds of the study\n",
    "page.html": b"<!doctype html><html><head><title>mine</title></head></html>",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "table.parquet": b"PAR1" + bytes(50) + b"path label patient PAR1",
    "record.json": b'{"extractor": "mine"}',
}
EXPORTS = (FOLDS, SCORES, LINKS, QUALITY, SHEET, FEATURES, CATALOGUE, REPORT)


def test_paths_are_checked_before_the_work(tmp_path: Path) -> None:
    check_output(tmp_path / "new" / "T.PARQUET", FEATURES)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").touch()
    for path, complaint in (
        ("t.xlsx", r"\.parquet or \.csv"),
        ("folder.csv", "is a folder"),
        ("file/t.csv", "--output"),
    ):
        with pytest.raises(BenchError, match=complaint):
            check_output(tmp_path / path, FEATURES)


@pytest.mark.parametrize("way", ["itself", "another spelling", "symbolic link", "hard link", "missing"])
@pytest.mark.parametrize("force", [False, True])
def test_an_input_is_never_replaced(tmp_path: Path, way: str, force: bool) -> None:
    source = tmp_path / "cells" / "manifest.csv"
    source.parent.mkdir()
    path = source
    if way != "missing":
        source.write_bytes(FOREIGN["table.csv"])
    if way == "another spelling":
        path = tmp_path / "cells" / ".." / "cells" / "manifest.csv"
    if way == "symbolic link":
        path = tmp_path / "link.csv"
        path.symlink_to(source)
    if way == "hard link":
        path = tmp_path / "link.csv"
        os.link(source, path)
    with pytest.raises(BenchError, match=r"is an input of this command; choose another file with --output"):
        check_output(path, FOLDS, inputs=(source,), force=force)
    check_output(tmp_path / "cells" / "folds.csv", FOLDS, inputs=(source,), force=force)


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.command)
def test_a_file_that_another_program_wrote_needs_force(tmp_path: Path, export: Export) -> None:
    for name, content in FOREIGN.items():
        path = tmp_path / name
        path.write_bytes(content)
        if export.suffixes and path.suffix not in export.suffixes:
            continue
        with pytest.raises(BenchError, match=f"exists and was not written by {export.command}; .*--force"):
            check_output(path, export)
        check_output(path, export, force=True)
        assert path.read_bytes() == content


def test_an_empty_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "t.csv").touch()
    check_output(tmp_path / "t.csv", FEATURES)


def test_a_full_disk_keeps_the_earlier_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("former")
    full = pytest.raises(BenchError, match=r"t\.csv: cannot be written \(No space left on device\); choose another")
    with full, output_file(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("t.csv", "former")]


@pytest.mark.parametrize("width", [3, 2048])
@pytest.mark.parametrize("name", ["size.area.c{:04d}", "resnet50_{:04d}"])
def test_own_tables_of_features_are_recognised_at_any_width(tmp_path: Path, name: str, width: int) -> None:
    folder = tmp_path / "entry"
    names = tuple(name.format(index) for index in range(width))
    write_entry(folder, np.zeros((2, width), dtype=np.float32), list(names))
    cells = pd.DataFrame({"id": ["x", "y"], "patient": "p", "label": "a"})
    for suffix in (".csv", ".parquet"):
        FeatureTable("e", folder, cells, names, 0, 0.0).write(tmp_path / f"t{suffix}", status=tmp_path / f"s{suffix}")
        assert FEATURES.wrote(tmp_path / f"t{suffix}")
        assert FEATURES.wrote(tmp_path / f"s{suffix}")


def test_a_pipe_at_the_path_of_an_output_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scores.csv")
    with pytest.raises(BenchError, match=r"scores\.csv: cannot be read \(a named pipe, not a regular file\); choose"):
        check_output(tmp_path / "scores.csv", SCORES)
