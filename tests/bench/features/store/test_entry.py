"""Entries: round trip, wrong arrays and records, opening time."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store.entry import (
    entry_record,
    feature_names,
    open_checksums,
    open_features,
    open_rows,
    open_status,
    write_entry,
    write_record,
)
from bench.storage.fingerprints import digest

VALUES = np.array([[1, 2], [3, np.nan], [5, 6]], dtype=np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An entry of three cells."""
    status = np.isnan(VALUES).astype(np.uint8)
    write_entry(tmp_path / "entry", VALUES, ["a", "b"], status=status, rows=["0a" * 32] * 3)
    return tmp_path / "entry"


def test_round_trip(folder: Path) -> None:
    np.testing.assert_array_equal(open_features(folder), VALUES)
    np.testing.assert_array_equal(np.load(folder / "values.npy", mmap_mode="r", allow_pickle=False), VALUES)
    assert isinstance(open_features(folder), np.memmap)
    status = open_status(folder)
    assert status is not None
    assert status.tolist() == [[0, 0], [0, 1], [0, 0]]
    assert open_rows(folder).tolist() == [[10] * 32] * 3
    assert open_checksums(folder).shape == (1, 32)
    assert feature_names(folder) == ["a", "b"]
    with pytest.raises(ValueError, match="read-only"):
        open_features(folder)[0, 0] = 9


OTHERS: dict[str, Any] = {
    "shape": np.zeros((2, 3), np.float32),
    "type": np.zeros((3, 2), np.int32),
    "order": np.asfortranarray(np.zeros((3, 2), np.float32)),
    "big-endian": np.zeros((3, 2), ">f4"),
    "objects": np.array([[print, 1]] * 3, dtype=object),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_array_is_refused(folder: Path, kind: str) -> None:
    np.save(folder / "values.npy", OTHERS[kind], allow_pickle=True)
    with pytest.raises(BenchError, match=r"values\.npy: the stored features cannot be read"):
        open_features(folder)


@pytest.mark.parametrize("change", [-1, 1, -160, -(10**6)])
def test_a_file_of_another_size_is_refused(folder: Path, change: int) -> None:
    os.truncate(folder / "values.npy", max((folder / "values.npy").stat().st_size + change, 0))
    with pytest.raises(BenchError, match="cannot be read"):
        open_features(folder)


def test_no_bit_of_a_header_opens_other_values(folder: Path) -> None:
    """A flipped bit is refused, or harmless, as in the padding."""
    path = folder / "values.npy"
    content = path.read_bytes()
    for place in range(128):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 7
        path.write_bytes(flipped)
        try:
            values = open_features(folder)
        except BenchError:
            continue
        np.testing.assert_array_equal(values, VALUES)


RECORDS = ["", "[]", "{}", '{"format": 3}', "[" * 100_000, '{"format": 3, "seconds": 1e999}', "\x1b[31m"]


@pytest.mark.parametrize("text", RECORDS)
def test_a_damaged_record_is_refused(folder: Path, text: str) -> None:
    (folder / "entry.json").write_text(text)
    with pytest.raises(BenchError, match=r"entry\.json"):
        entry_record(folder)


@pytest.mark.parametrize("field", ["key", "cells", "names", "digest", "components"])
def test_an_edited_record_is_refused(folder: Path, field: str) -> None:
    record = json.loads((folder / "entry.json").read_text())
    for change in ({}, {field: 7}):
        edited = {name: value for name, value in record.items() if name != field}
        (folder / "entry.json").write_text(json.dumps({**edited, **change}))
        with pytest.raises(BenchError, match=r"entry\.json: damaged .*extracts them again"):
            entry_record(folder)
    (folder / "entry.json").write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(BenchError, match="format '99', this version of the toolkit reads format 3; bench features gc"):
        entry_record(folder)


RECORDED: dict[str, list[Any]] = {
    "cells": ["51", -51, 2**70, 3.5, True, None],
    "names": [5, [["a"], ["b"]], None],
    "status": [None, 1],
    "notices": [7, [5]],
    "seconds": ["x", -1.0, 1e300],
    "wall_s": [None],
    "cells_per_s": [{}],
    "written": [5],
    "environment": [[], {"python": []}],
    "checksums_sha256": [5],
    "components": [[], {"a": [[[[[[[[[0]]]]]]]]]}],
    "selector": [[1]],
    "jobs": ["1"],
    "fitted_on": [[], {"patients": [[]], "units": [], "cells": 0}],
}
"""Values that no extraction writes."""


@pytest.mark.parametrize("field", RECORDED)
def test_an_invalid_record_with_its_own_digest_is_damaged(folder: Path, field: str) -> None:
    """A stranger can compute the digest."""
    record = entry_record(folder)
    for value in RECORDED[field]:
        write_record(folder, {**record, field: value, "key": digest(value if field == "components" else {})})
        with pytest.raises(BenchError, match=rf"entry\.json: damaged \('{field}.*extracts them again"):
            entry_record(folder)


@pytest.mark.parametrize("field", ["cells", "names", "status", "notices", "written", "wall_s", "threads"])
def test_a_record_without_a_field_is_damaged(folder: Path, field: str) -> None:
    record = entry_record(folder)
    del record[field]
    (folder / "entry.json").write_text(json.dumps({**record, "digest": digest(record)}))
    with pytest.raises(BenchError, match=rf"entry\.json: damaged \('{field}': Field required\)"):
        entry_record(folder)


def test_opening_a_million_rows_reads_none_of_them(tmp_path: Path) -> None:
    """A sparse file of 5 GB opens in less than 50 ms and without reading it."""
    rows, names = 1_000_000, [f"n{i}" for i in range(1280)]
    folder = tmp_path / "entry"
    write_entry(folder, np.zeros((64, len(names)), np.float32), names, cells=rows)
    with (folder / "values.npy").open("wb") as file:
        shape = (rows, len(names))
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + rows * len(names) * 4)
    before, seconds = _resident(), []
    for _ in range(5):
        start = time.perf_counter()
        values, stored = open_features(folder), feature_names(folder)
        seconds.append(time.perf_counter() - start)
    assert (values.shape, stored) == ((rows, 1280), names)
    assert _resident() - before < 20e6
    assert min(seconds) < 0.05
    assert float(values[999_999, 1279]) == 0.0


def _resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
