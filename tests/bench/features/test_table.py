"""A table of features reads back to the bits of the store, and is written by row groups."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from bench.errors import BenchError
from bench.features import table as feature_table
from bench.features.store.entry import write_entry
from bench.features.table import FeatureTable, status_path
from extractors.handcrafted.framework.status import Status

N, WIDTH = 70, 5


@pytest.fixture
def table(tmp_path: Path) -> FeatureTable:
    """Numbers of every size, a tenth of them missing for one of two reasons."""
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(N, WIDTH)) * 10.0 ** rng.integers(-30, 30, (N, WIDTH))).astype(np.float32)
    status = np.where(rng.random((N, WIDTH)) < 0.1, rng.choice([Status.FLAT, Status.NO_NUCLEUS], (N, WIDTH)), 0)
    values[status > 0] = np.nan
    folder = tmp_path / "entry"
    write_entry(folder, values, [f"f.{i}" for i in range(WIDTH)], status=status.astype(np.uint8))
    cells = {"id": [f"cell {i}" for i in range(N)], "patient": [f"p{i // 9}, ö" for i in range(N)]}
    keys = pd.DataFrame({**cells, "label": np.where(np.arange(N) % 2, "a", "NA")})
    return FeatureTable("made_up[a=1]", folder, keys, tuple(f"f.{i}" for i in range(WIDTH)), N, 1.0)


def test_the_file_reads_back_to_the_same_bits(table: FeatureTable, tmp_path: Path) -> None:
    for name in ("cells.parquet", "cells.csv"):
        table.write(tmp_path / name)
    types = dict.fromkeys(table.names, np.float32)
    # A label "NA" is a label; what is missing is empty.
    from_csv = pd.read_csv(tmp_path / "cells.csv", dtype=types, keep_default_na=False, na_values=[""])
    for written in (pd.read_parquet(tmp_path / "cells.parquet"), from_csv):
        assert list(written.columns) == ["id", "patient", "label", *table.names]
        pd.testing.assert_frame_equal(written, table.table, check_exact=True, check_column_type=False)
    metadata = parquet.read_schema(tmp_path / "cells.parquet").metadata[b"cytobench"]
    assert b"made_up[a=1]" in metadata


def test_rows_are_written_group_by_group(table: FeatureTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table.write(tmp_path / "one.parquet")
    monkeypatch.setattr(feature_table, "ROWS", 32)
    table.write(tmp_path / "many.parquet")
    groups = parquet.ParquetFile(tmp_path / "many.parquet").metadata
    assert groups.num_row_groups == -(-len(table.cells) // 32)
    assert groups.row_group(0).num_rows == 32
    assert parquet.read_table(tmp_path / "one.parquet").equals(parquet.read_table(tmp_path / "many.parquet"))


def test_reasons_are_counted_and_listed_cell_by_cell(table: FeatureTable, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.load(table.folder / "status.npy")
    assert table.missing == {s.name: int((codes == s).sum()) for s in (Status.FLAT, Status.NO_NUCLEUS)}
    assert list(table.missing.values()) == sorted(table.missing.values(), reverse=True)
    wanted = [[f"cell {r}", f"f.{c}", Status(codes[r, c]).name] for r, c in np.argwhere(codes)]
    assert table.status.to_numpy().tolist() == wanted
    monkeypatch.setattr(feature_table, "ROWS", 8)
    assert table.status.to_numpy().tolist() == wanted


def test_an_unknown_status_code_is_reported_as_a_number(table: FeatureTable) -> None:
    np.save(table.folder / "status.npy", np.full((N, WIDTH), 200, dtype=np.uint8))
    missing = int(np.isnan(table.table[list(table.names)].to_numpy()).sum())
    assert 0 < missing < N * WIDTH
    assert table.missing == {"status 200": missing}


def test_an_extractor_without_status_gives_no_reason(tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [1.0, 2.0]], dtype=np.float32)
    write_entry(folder, values, ["one", "two"])
    keys = pd.DataFrame({"id": ["x", "y", "z"], "patient": "p", "label": "a"})
    table = FeatureTable("theirs", folder, keys, ("one", "two"), 0, 0.0)
    assert table.missing == {"no reason given": 3}
    gone = [["x", "two"], ["y", "one"], ["y", "two"]]
    assert table.status.to_numpy().tolist() == [[*each, "no reason given"] for each in gone]
    full = FeatureTable("theirs", folder, keys.iloc[:0], ("one", "two"), 0, 0.0)
    assert list(full.status.columns) == ["id", "feature", "reason"]
    assert full.missing == {}


def test_an_error_leaves_the_previous_file(table: FeatureTable, tmp_path: Path) -> None:
    """The store breaks off while the second file is written: the first one stays as it was, too."""
    path, reasons = tmp_path / "t.parquet", tmp_path / "t.status.parquet"
    path.write_text("the former table")
    (table.folder / "status.npy").write_bytes(b"cut off")
    with pytest.raises(BenchError, match=r"status\.npy: the stored features cannot be read .* extracts them again"):
        table.write(path, status=reasons)
    assert path.read_text() == "the former table"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["entry", "t.parquet"]


def test_reasons_lie_beside_the_table() -> None:
    assert status_path(Path("a.b/cells.v2.csv")) == Path("a.b/cells.v2.status.csv")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_cells(tmp_path: Path) -> None:
    """The table of 40,000 cells with 400 features, 64 MB, is written with less than half of that in memory."""
    code = """
import sys, tracemalloc
from pathlib import Path
import numpy as np, pandas as pd, pyarrow as pa
from bench.features.table import FeatureTable
from bench.features.store.entry import write_entry
folder, n, width = Path(sys.argv[1]), int(sys.argv[2]), 400
write_entry(folder, np.random.default_rng(0).random((n, width), np.float32), [str(i) for i in range(width)])
cells = pd.DataFrame({"id": [str(i) for i in range(n)], "patient": "p", "label": "a"})
table = FeatureTable("x", folder, cells, tuple(f"f{i}" for i in range(width)), 0, 0.0)
tracemalloc.start()
table.write(folder / "t.parquet")
print(tracemalloc.get_traced_memory()[1] + pa.default_memory_pool().max_memory())
"""
    peaks = []
    for cells in (8192, 40_960):
        folder = tmp_path / str(cells)
        ended = subprocess.run(
            [sys.executable, "-c", code, str(folder), str(cells)], capture_output=True, text=True, check=True
        )
        peaks.append(int(ended.stdout))
        assert parquet.ParquetFile(folder / "t.parquet").metadata.num_rows == cells
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 40_960 * 400 * 4 / 2
