"""What lies in an entry is hostile until it has the shape that the record says; opening it reads none of it."""

from __future__ import annotations

import io
import json
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.features.store.arrays import header
from bench.features.store.entry import (
    entry_record,
    feature_names,
    open_checksums,
    open_features,
    open_rows,
    open_status,
    write_entry,
)

NAMES = ["a", "b"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole entry of three cells."""
    values = np.array([[1, 2], [3, np.nan], [5, 6]], dtype=np.float32)
    write_entry(tmp_path / "entry", values, NAMES, status=np.isnan(values).astype(np.uint8), rows=["0a" * 32] * 3)
    return tmp_path / "entry"


@pytest.mark.parametrize(("shape", "dtype"), [((3, 2), "<f4"), ((10**6, 1280), "<f4"), ((1, 1), "u1")])
def test_the_header_is_numpys_own(shape: tuple[int, int], dtype: str) -> None:
    read = io.BytesIO(header(shape, dtype))
    assert np.lib.format.read_magic(read) == (1, 0)
    assert np.lib.format.read_array_header_1_0(read) == (shape, False, np.dtype(dtype))
    assert read.tell() == len(header(shape, dtype))
    assert read.tell() % 64 == 0, "so that rows are aligned"


def test_what_is_written_is_read(folder: Path) -> None:
    np.testing.assert_array_equal(open_features(folder), np.array([[1, 2], [3, np.nan], [5, 6]], dtype=np.float32))
    status = open_status(folder)
    assert status is not None
    assert status.tolist() == [[0, 0], [0, 1], [0, 0]]
    assert open_rows(folder).tolist() == [[10] * 32] * 3
    assert open_checksums(folder).shape == (1, 32)
    assert feature_names(folder) == NAMES
    with pytest.raises(ValueError, match="read-only"):
        open_features(folder)[0, 0] = 9


OTHERS: dict[str, Any] = {
    "another shape": np.zeros((2, 3), np.float32),
    "another type": np.zeros((3, 2), np.int32),
    "another order": np.asfortranarray(np.zeros((3, 2), np.float32)),
    "big-endian": np.zeros((3, 2), ">f4"),
    "three dimensions": np.zeros((3, 2, 1), np.float32),
    "objects": np.array([[print, 1]] * 3, dtype=object),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_array_in_the_place_of_the_features_is_refused(folder: Path, kind: str) -> None:
    np.save(folder / "values.npy", OTHERS[kind], allow_pickle=True)
    with pytest.raises(BenchError, match=r"values\.npy: the stored features cannot be read"):
        open_features(folder)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_is_too_short_or_too_long_is_refused(folder: Path, change: int) -> None:
    size = (folder / "values.npy").stat().st_size
    os.truncate(folder / "values.npy", size + change)
    with pytest.raises(BenchError, match=f"{size + change} bytes, {size} are expected"):
        open_features(folder)


def test_a_record_of_another_format_says_what_to_do(folder: Path) -> None:
    record = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps({**record, "format": 3}))
    with pytest.raises(BenchError, match="format '3', this version of the toolkit reads format 2; bench features gc"):
        entry_record(folder)


@pytest.mark.parametrize("field", ["key", "cells", "names", "written", "notices", "digest", "components"])
def test_a_record_that_lacks_a_field_is_refused(folder: Path, field: str) -> None:
    record = json.loads((folder / "entry.json").read_text())
    del record[field]
    (folder / "entry.json").write_text(json.dumps(record))
    with pytest.raises(BenchError, match=rf"entry\.json: damaged \({field} is missing"):
        entry_record(folder)


def test_opening_a_million_rows_reads_none_of_them(tmp_path: Path) -> None:
    """5 GB that are not there: a sparse file. What is resident grows by less than a hundredth of it."""
    rows, names = 1_000_000, [f"n{i}" for i in range(1280)]
    folder = tmp_path / "entry"
    write_entry(folder, np.zeros((64, len(names)), np.float32), names, cells=rows)
    for name, shape, dtype in (
        ("values.npy", (rows, len(names)), "<f4"),
        ("rows.npy", (rows, 32), "|u1"),
        ("checksums.npy", (rows // 64, 32), "|u1"),
    ):
        with (folder / name).open("wb") as file:
            file.write(header(shape, dtype))
            file.truncate(len(header(shape, dtype)) + shape[0] * shape[1] * np.dtype(dtype).itemsize)
    before, faults = _resident(), resource.getrusage(resource.RUSAGE_SELF).ru_inblock
    values, ids, sums = open_features(folder), open_rows(folder), open_checksums(folder)
    assert (values.shape, ids.shape, sums.shape) == ((rows, 1280), (rows, 32), (15_625, 32))
    assert feature_names(folder)[-1] == "n1279"
    assert _resident() - before < 20e6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_inblock - faults < 20e6 / 512
    assert float(values[999_999, 1279]) == 0.0


def _resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
