"""Damage on disk is detected before features are used, and the next run extracts what was lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store import damage
from bench.features.store.damage import damaged_chunks, describe_damage, usable
from bench.features.store.entry import (
    CHUNK,
    entry_record,
    open_features,
    open_rows,
    open_status,
    write_entry,
    write_record,
)

Scratch = Any
"""The fixture `scratch`."""

N = 4 * CHUNK + 5
HEADER = 128


def flip(path: Path, *places: int) -> None:
    """Flip a bit of some bytes and restore the times of the file, as a decaying disk would."""
    status, data = path.stat(), bytearray(path.read_bytes())
    for place in places:
        data[place] ^= 16
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def folder(scratch: Scratch) -> Path:
    """An intact entry; the log is empty."""
    folder: Path = scratch.extract(range(N)).folder
    scratch.calls()
    damage._INTACT.clear()
    return folder


def _rebuild(scratch: Scratch) -> tuple[list[int], list[str]]:
    """Extract again: the chunks that were extracted, and the notices of the engine."""
    recorder = scratch.recorder()
    scratch.extract(range(N), recorder)
    scratch.check(range(N))
    notices = [text for text in recorder.notices if text != "numbers are numbers"]
    return [call[0] // CHUNK for call in scratch.calls()], notices


def test_an_intact_entry_is_used(scratch: Scratch, folder: Path) -> None:
    assert (describe_damage(folder), usable(scratch.entry(range(N)))) == ("", True)
    assert _rebuild(scratch) == ([], [])


@pytest.mark.parametrize(("name", "width"), [("values.npy", 12), ("status.npy", 3), ("rows.npy", 32)])
@pytest.mark.parametrize("row", [0, CHUNK - 1, 3 * CHUNK + 7, N - 1])
def test_a_flipped_byte_costs_one_chunk(scratch: Scratch, folder: Path, name: str, width: int, row: int) -> None:
    flip(folder / name, HEADER + row * width + 1)
    chunk = row // CHUNK
    assert list(damaged_chunks(folder)) == [chunk]
    assert not usable(scratch.entry(range(N)))
    rows = f"{chunk * CHUNK}-{min((chunk + 1) * CHUNK, N) - 1}"
    notice = f"numbers: rows {rows} are damaged ({folder}); damaged features are extracted again"
    assert _rebuild(scratch) == ([chunk], [notice])


def test_several_damaged_chunks_are_extracted_again(scratch: Scratch, folder: Path) -> None:
    flip(folder / "values.npy", *(HEADER + row * 12 for row in (0, CHUNK, 4 * CHUNK)))
    chunks, (notice,) = _rebuild(scratch)
    assert chunks == [0, 1, 4]
    assert "rows 0-63, 64-127, 256-260 are damaged" in notice


def _plant(folder: Path, value: float, status: int = 0) -> None:
    """Replace a value in row 70, with the checksums and the record that belong to it, as a stranger can."""
    record, values, codes = entry_record(folder), open_features(folder).copy(), open_status(folder)
    assert codes is not None
    codes = codes.copy()
    values[70, 0], codes[70, 0] = value, status
    rows = [bytes(row).hex() for row in open_rows(folder)]
    shutil.rmtree(folder)
    write_entry(folder, values, record["names"], status=codes, rows=rows, components=record["components"])
    damage._INTACT.clear()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_values_that_no_extraction_writes_are_damage_under_a_right_checksum(
    scratch: Scratch, folder: Path, value: float
) -> None:
    _plant(folder, value)
    assert not usable(scratch.entry(range(N)))
    chunks, (notice, other) = _rebuild(scratch)
    assert chunks == [1]
    assert notice == f"numbers: rows 64-127 are damaged ({folder}); damaged features are extracted again"
    assert "1 re-extracted chunks differ from the originals" in other


def test_a_value_that_is_undefined_for_a_reason_is_no_damage(scratch: Scratch, folder: Path) -> None:
    _plant(folder, np.nan, status=3)
    assert usable(scratch.entry(range(N)))


@pytest.mark.parametrize(
    ("value", "model", "damaged"),
    [(1, "resnet18", []), (np.nan, "resnet18", [1]), (np.nan, None, []), (np.inf, None, [1])],
)
def test_an_embedding_has_no_undefined_value(
    tmp_path: Path, value: float, model: str | None, damaged: list[int]
) -> None:
    """The features of another extractor without status codes may be NaN."""
    values = np.ones((CHUNK + 2, 3), np.float32)
    values[CHUNK, 1] = value
    write_entry(tmp_path / "entry", values, ["a", "b", "c"], components={"model": model})
    assert list(damaged_chunks(tmp_path / "entry")) == damaged


def _edit(**changes: Any) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        record = json.loads((folder / "entry.json").read_text())
        (folder / "entry.json").write_text(json.dumps({**record, **changes}))

    return edit


DAMAGE: dict[str, Callable[[Path], object]] = {
    "record": lambda folder: flip(folder / "entry.json", 100),
    "record is missing": lambda folder: (folder / "entry.json").unlink(),
    "schema": lambda folder: write_record(folder, {**entry_record(folder), "names": 5}),
    "names": _edit(names=["root", "square", "number"]),
    "number of rows": _edit(cells=2**62),
    "values are cut off": lambda folder: os.truncate(folder / "values.npy", HEADER + 130 * 12),
    "values are missing": lambda folder: (folder / "values.npy").unlink(),
    "status is missing": lambda folder: (folder / "status.npy").unlink(),
    "header": lambda folder: flip(folder / "values.npy", 60),
    "header of row ids": lambda folder: flip(folder / "rows.npy", 60),
    "checksums": lambda folder: flip(folder / "checksums.npy", HEADER + 3 * 32),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_other_damage_costs_the_entry(scratch: Scratch, folder: Path, kind: str) -> None:
    DAMAGE[kind](folder)
    with pytest.raises(BenchError, match=rf"{folder}.*"):
        list(damaged_chunks(folder))
    assert not usable(scratch.entry(range(N)))
    chunks, (notice,) = _rebuild(scratch)
    assert chunks == [0, 1, 2, 3, 4]
    assert "damaged features are extracted again" in notice
    assert _rebuild(scratch) == ([], [])


def test_an_entry_under_the_path_of_another_is_not_used(scratch: Scratch, folder: Path) -> None:
    """A renamed folder: its key decides. Its rows are intact and are copied by the digest of the cell."""
    other = scratch.extract(range(5, N + 5))
    scratch.calls()
    shutil.rmtree(folder)
    other.folder.rename(folder)
    chunks, (notice,) = _rebuild(scratch)
    assert chunks == [0]
    assert "is expected" in notice


def test_a_changed_extraction_is_reported(scratch: Scratch, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(folder / "values.npy", HEADER + 5)
    monkeypatch.setenv("VARIES", "1")
    recorder = scratch.recorder()
    scratch.with_params(fault="varies once").extract(range(N), recorder)
    assert any("1 re-extracted chunks differ from the originals" in text for text in recorder.notices)
    assert open_features(folder)[0, 0] == 1000
    assert describe_damage(folder) == ""


def test_a_disk_that_loses_data_ends_the_run(scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.features.extraction.usable", lambda entry: False)
    with pytest.raises(BenchError, match="do not read back; the disk loses data"):
        scratch.extract(range(N))


def test_an_entry_is_read_once_in_a_process(scratch: Scratch, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    monkeypatch.setattr(damage, "describe_damage", lambda at, **_: reads.append(at) or describe_damage(at))
    entry = scratch.entry(range(N))
    assert [usable(entry), usable(entry)] == [True, True]
    assert reads == [folder]
    (folder / "values.npy").write_bytes(b"other content")
    assert [usable(entry), usable(entry)] == [False, False]
    assert reads == [folder, folder]
