"""Mask quality of a dataset: rows per cell, counts, and the command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.datasets.quality import quality_summary, quality_table, write_quality
from bench.datasets.readers.manifest import ManifestReader
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Four cells: a plain one, one with debris, one at the frame, a flat one with a nucleus mask."""
    for name, seed in (("plain", 0), ("debris", 1), ("frame", 2), ("given", 3)):
        image = np.zeros((60, 60, 3), np.uint8)
        top = 0 if name == "frame" else 10
        image[top : top + 40, 10:50] = (190 + seed, 150, 170)
        if name != "given":
            image[top + 8 : top + 32, 18:42] = (120, 40, 80)
        if name == "debris":
            image[54:58, 54:58] = 90
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    nucleus = np.zeros((60, 60), np.uint8)
    nucleus[20:24, 20:24] = 255
    assert cv2.imwrite(str(tmp_path / "n.png"), nucleus)
    (tmp_path / "manifest.csv").write_text(
        "cell,path,label,patient,nucleus\nplain,plain.png,a,p,\ndebris,debris.png,b,q,\nframe,frame.png,a,p,\n"
        "given,given.png,b,q,n.png\n"
    )
    return tmp_path


def read(cells: Path, options: ReadOptions | None = None) -> Dataset:
    return ManifestReader().read(cells, options or ReadOptions())


def test_one_row_per_cell_in_order(cells: Path) -> None:
    seen: list[tuple[int, int]] = []
    table = quality_table(read(cells), threads=2, progress=lambda done, total: seen.append((done, total)))
    assert list(table["cell"]) == ["plain", "debris", "frame", "given"]
    assert list(table["patient"]) == ["p", "q", "p", "q"]
    assert table["debris"].tolist() == [0, 1, 0, 0]
    assert table["debris_share"][1] == pytest.approx(16 / 1616)
    assert table["frame_px"].tolist() == [0, 0, 40, 0]
    assert table["nucleus"].tolist() == ["found"] * 3 + ["given"]
    assert table["nucleus_ratio"].tolist() == pytest.approx([0.355, 0.355, 0.355, 16 / 1600], abs=0.01)
    assert seen == [(done, 4) for done in (1, 2, 3, 4)]


def test_the_summary_counts_findings(cells: Path) -> None:
    summary = quality_summary(quality_table(read(cells)), examples=1)
    assert summary.to_dict(orient="tight")["data"] == [
        ["loose debris dropped", 1, 0.25, ["debris"]],
        ["touches the frame", 1, 0.25, ["frame"]],
        ["nucleus provided", 1, 0.25, ["given"]],
        ["provided nucleus of implausible ratio", 1, 0.25, ["given"]],
        ["nucleus segmented", 3, 0.75, ["plain"]],
    ]


def test_a_full_frame_mask_has_no_debris(cells: Path) -> None:
    table = quality_table(read(cells, ReadOptions(mask="whole")))
    assert table["area_px"].tolist() == [3600] * 4
    assert not table["debris"].any()
    assert table["frame_px"].tolist() == [60] * 4


@pytest.mark.parametrize("name", ["quality.csv", "quality.parquet"])
def test_the_command_prints_counts_and_writes_rows(cells: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / "out" / name
    ended = CliRunner().invoke(app, ["data", "quality", str(cells), "-o", str(output)])
    assert ended.exit_code == 0, ended.output
    assert "masks of 4 cells" in ended.stdout
    assert "loose debris dropped" in ended.stdout
    written = pd.read_csv(output) if name.endswith("csv") else pd.read_parquet(output)
    pd.testing.assert_frame_equal(written, quality_table(read(cells)), check_dtype=False)


def test_a_wrong_name_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["data", "quality", str(tmp_path / "nowhere"), "-o", str(tmp_path / "q.xlsx")])
    assert isinstance(ended.exception, BenchError)
    assert "q.xlsx" in str(ended.exception)


def test_held_out_cells_are_included(cells: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(cells / "manifest.csv", dtype=str)
    rows.assign(set=["train", "train", "held-out", "held-out"]).to_csv(cells / "manifest.csv", index=False)
    ended = CliRunner().invoke(app, ["data", "quality", str(cells)])
    assert ended.exit_code == 0, ended.output
    assert "masks of 4 cells" in ended.stdout


def test_an_unwritable_file_is_a_bench_error(tmp_path: Path) -> None:
    (tmp_path / "q.csv").mkdir()
    with pytest.raises(BenchError, match=r"q\.csv: cannot be written .*choose another file with --output"):
        write_quality(pd.DataFrame({"cell": ["a"]}), tmp_path / "q.csv")


def test_an_empty_and_a_misfitting_mask_name_the_cell(cells: Path) -> None:
    for content, message in ((np.zeros((60, 60), np.uint8), "empty"), (np.ones((9, 9), np.uint8), "(9, 9)")):
        assert cv2.imwrite(str(cells / "m.png"), content)
        (cells / "manifest.csv").write_text(
            "cell,path,label,patient,mask\nx,plain.png,a,p,m.png\ny,debris.png,b,q,\nz,frame.png,a,p,\n"
        )
        ended = CliRunner().invoke(app, ["data", "quality", str(cells)])
        assert isinstance(ended.exception, BenchError)
        assert "plain.png" in str(ended.exception)
        assert message in str(ended.exception)
