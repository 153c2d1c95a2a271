"""Sizes of pages, compared with what pyarrow writes, and footers that understate them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.datasets.readers.text_table import read_rows
from bench.errors import BenchError
from bench.storage import parquet_files, parquet_pages
from bench.storage.parquet_pages import unpacked_size

ROWS = 20_000
TABLE = pa.table(
    {
        "text": [f"cell {i * 7919 % 4001}" for i in range(ROWS)],
        "number": np.arange(ROWS) * 0.5,
        "missing": pa.array([None, 3] * (ROWS // 2), pa.int64()),
        "flag": [True, False] * (ROWS // 2),
    }
)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "none", "use_dictionary": False},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "gzip", "row_group_size": 3000, "data_page_size": 4096},
        {"compression": "snappy", "write_statistics": False, "write_page_checksum": True},
        {"compression": "brotli", "data_page_version": "2.0", "write_page_index": True, "use_dictionary": ["text"]},
        {"column_encoding": {"number": "BYTE_STREAM_SPLIT", "text": "DELTA_BYTE_ARRAY"}, "use_dictionary": False},
    ],
)
def test_sizes_of_honest_files_are_those_of_the_footer_without_headers(options: dict[str, Any]) -> None:
    file = io.BytesIO()
    pq.write_table(TABLE, file, **options)
    footer = pq.read_metadata(file)
    parts = [footer.row_group(group).column(i) for group in range(footer.num_row_groups) for i in range(4)]
    stated = sum(part.total_uncompressed_size for part in parts)
    assert 0.75 * stated < unpacked_size(file, footer) < stated
    text = sum(part.total_uncompressed_size for part in parts if part.path_in_schema == "text")
    assert 0.75 * text < unpacked_size(file, footer, ["text"]) < text


def _number(value: int) -> bytes:
    """A number as footers contain it."""
    value *= 2
    return bytes([*(value >> shift & 127 | 128 for shift in range(0, 28, 7)), value >> 28])


def _understate(path: Path) -> None:
    """Replace the size of the first column in the footer by another one of as many bytes."""
    raw = path.read_bytes()
    start = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    size = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    assert raw[start:].count(_number(size)) >= 1
    path.write_bytes(raw[:start] + raw[start:].replace(_number(size), _number(0)))
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 0


@pytest.mark.parametrize("compression", ["zstd", "gzip", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_footer_that_understates_its_pages_is_no_way_around_the_limit(
    compression: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "MAX_UNPACKED", 2**27)
    path = tmp_path / "t.parquet"
    table = pa.table({"a": ["x" * 4000] * 36_000})
    pq.write_table(table, path, compression=compression, use_dictionary=False, data_page_version=version)
    _understate(path)
    with pytest.raises(BenchError, match=r"t\.parquet: 144\d{6} bytes when decompressed; at most 134217728 are read"):
        read_rows(path, required=["a"])


def test_wide_values_of_a_fixed_size_are_refused(tmp_path: Path) -> None:
    """A dictionary of one value and 20,000 rows would take 2 GB."""
    table = pa.table({"a": pa.array([b"x" * 100_000], pa.binary(100_000))})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(BenchError, match="the column 'a' holds bytes of a fixed size; text is expected"):
        read_rows(tmp_path / "t.parquet", required=["a"])


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        (b"\x00", "states no size"),
        (b"\x15\x00\x15\x00\x15\x01\x00", "states no size"),
        (b"\x15\x00" + b"\x15" + b"\xff" * 9 + b"\x01", "states no size"),
        (b"\x15" + b"\xff" * 10, "more than 64 bits"),
        (b"\x19\x00", "unknown type"),
        (b"\x1c" * 20, "unknown type"),
        (b"\x05\x80\x80\x04\x00", "unknown field"),
        (b"\x18\xff\xff\xff\xff\x7f", "header of a page is damaged"),
        (b"\x15\x00" * 40, "unknown field|states no size"),
    ],
)
def test_damaged_headers_of_pages_are_named(start: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": ["x" * 1000]}), path, use_dictionary=False, compression="none")
    raw = path.read_bytes()
    path.write_bytes(raw[:4] + start + raw[4 + len(start) :])
    with pytest.raises(BenchError, match=rf"t\.parquet: damaged \(.*({problem})\); write the table again"):
        read_rows(path, required=["a"])


def test_many_pages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_pages, "MAX_PAGES", 3)
    path = tmp_path / "t.parquet"
    pq.write_table(TABLE, path, row_group_size=1000)
    with pytest.raises(BenchError, match="more than 3 pages"):
        read_rows(path, required=["text"])
