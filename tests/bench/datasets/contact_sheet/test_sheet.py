"""`bench data show`: choice of cells, layout of the sheet, and protection of existing files."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from bench.cli.app import app
from bench.datasets.contact_sheet.drawing import (
    CELL_OUTLINE,
    GAP,
    LABEL,
    LINE,
    NUCLEUS_OUTLINE,
    PAPER,
    TILE,
    TITLE,
    Row,
    draw_sheet,
    drawn_tile,
    shared_scale,
)  # fmt: skip
from bench.datasets.contact_sheet.sheet import check_sheet_place, chosen_cells
from bench.errors import BenchError
from extractors.preparation.step import Picture

LEFT = LABEL + GAP


def table(cells: dict[tuple[str, str], int]) -> pd.DataFrame:
    rows = [(label, patient) for (label, patient), count in cells.items() for _ in range(count)]
    return pd.DataFrame(rows, columns=["label", "patient"], dtype="str")


def disc(size: int, radius: float) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.asarray(np.hypot(x, y) <= radius)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Two classes of two patients with two cells each: grey discs on black of 40 x 40, at another place in each."""
    for number in range(8):
        label, patient = "ab"[number % 2], f"p{number % 4}"
        image = np.zeros((40, 40, 3), dtype=np.uint8)
        image[4 + number : 20 + number, 5:30] = np.random.default_rng(number).integers(60, 200, (16, 25, 3))
        folder = tmp_path / "cells" / label
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{patient}_{number}.png"), image)
    return tmp_path / "cells"


def show(cells: Path, *arguments: str | Path) -> tuple[int, str]:
    command = ["data", "show", str(cells), "--patient-pattern", r"(p\d)_", *map(str, arguments)]
    ended = CliRunner().invoke(app, command)
    return ended.exit_code, str(ended.exception or "") + ended.stdout


def read(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_rows_alternate_over_classes_and_patients() -> None:
    cells = table({("a", "p1"): 50, ("a", "p2"): 1, ("a", "p3"): 9, ("b", "q1"): 30, ("b", "q2"): 2, ("c", "r"): 1})
    for seed in range(5):
        eight = cells.iloc[chosen_cells(cells, 8, seed=seed)]
        assert Counter(eight["label"]) == {"a": 4, "b": 3, "c": 1}
        assert Counter(eight["patient"][eight["label"] == "a"]).keys() == {"p1", "p2", "p3"}
        assert max(Counter(eight["patient"]).values()) <= 2
        assert eight[["label", "patient"]].equals(eight[["label", "patient"]].sort_values(["label", "patient"]))
        assert len(set(chosen_cells(cells, 8, seed=seed))) == 8
    assert chosen_cells(cells, 8, seed=1) == chosen_cells(cells, 8, seed=1) != chosen_cells(cells, 8, seed=2)
    assert sorted(chosen_cells(cells, 48, seed=0)) != list(range(48))
    assert sorted(chosen_cells(cells, 500, seed=0)) == list(range(93))


def test_a_class_of_one_patient_has_as_many_rows_as_one_of_many() -> None:
    cells = table({("a", f"p{i}"): 3 for i in range(9)} | {("b", "q"): 30})
    chosen = cells.iloc[chosen_cells(cells, 8, seed=0)]
    assert Counter(chosen["label"]) == {"a": 4, "b": 4}
    assert chosen["patient"].nunique() == 5


def test_a_row_has_one_scale_and_every_tile_fits() -> None:
    assert shared_scale([(450, 450), (200, 100)]) == TILE / 450
    assert shared_scale([(8192, 30)]) == TILE / 8192
    assert shared_scale([(200, 200)]) == shared_scale([(101, 3)]) == 1
    assert shared_scale([(40, 40), (20, 12)]) == 5
    for height, width in ((450, 450), (3000, 17), (1, 4000), (33, 60)):
        full = Picture(np.full((height, width, 3), 90, dtype=np.uint8), np.ones((height, width), dtype=np.bool_))
        tile = drawn_tile(full, shared_scale([(height, width)]))
        assert TILE / 2 < max(tile.shape[:2]) <= TILE
        assert min(tile.shape[:2]) >= 1


def test_the_outline_is_the_rim_of_the_mask() -> None:
    picture = Picture(np.full((60, 60, 3), 90, dtype=np.uint8), disc(60, 25), disc(60, 10))
    tile = drawn_tile(picture, 1.0)
    on_cell, on_nucleus = ((tile == colour).all(axis=2) for colour in (CELL_OUTLINE, NUCLEUS_OUTLINE))
    np.testing.assert_array_equal(on_cell, disc(60, 25) & ~cv2.erode(disc(60, 25).view(np.uint8), cross()).view(bool))
    np.testing.assert_array_equal(
        on_nucleus, disc(60, 10) & ~cv2.erode(disc(60, 10).view(np.uint8), cross()).view(bool)
    )
    assert (tile[~on_cell & ~on_nucleus] == 90).all()


def cross() -> npt.NDArray[np.uint8]:
    return np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=np.uint8)


def test_tiles_are_below_their_titles_and_long_names_fit_their_column() -> None:
    tiles = tuple(np.full((size, size, 3), size, dtype=np.uint8) for size in (200, 120))
    names = {"cell": "/a/folder" * 40 + "/7.bmp", "label": "W" * 300, "patient": "Д" * 60}
    rows = [Row(**names, sizes=((450, 450), (270, 270)), tiles=tiles)] * 2
    sheet = np.asarray(draw_sheet(rows, ["raw", "equalise[channels=luminance]"]))
    height = TILE + LINE + GAP
    assert sheet.shape == (TITLE + 2 * height + GAP, LEFT + 2 * (TILE + GAP), 3)
    for row in range(2):
        top = TITLE + GAP + row * height
        assert (sheet[top : top + 200, LEFT : LEFT + 200] == 200).all()
        assert (sheet[top : top + 120, LEFT + TILE + GAP :][:, :120] == 120).all()
        assert (sheet[top:, LEFT + TILE + GAP + 125 :] == PAPER).all()
    labels = (sheet[:, :LABEL] != PAPER).any(axis=(0, 2))
    assert labels[GAP : LABEL - GAP].mean() > 0.8
    assert not (sheet[:, LABEL + 1 : LEFT - 1] != PAPER).any()
    titles = (sheet[:TITLE] != PAPER).any(axis=(0, 2))
    assert titles[LEFT : LEFT + 20].any()
    assert not titles[LEFT + 2 * TILE :].any()


def test_the_command_draws_each_cell_after_each_step(cells: Path, tmp_path: Path) -> None:
    code, output = show(cells, "--prepare", "crop+mask[to=black]", "-o", tmp_path / "out" / "s.png", "--cells", "4")
    assert (code, "contact sheet: " in output) == (0, True), output
    sheet = read(tmp_path / "out" / "s.png")
    height = TILE + LINE + GAP
    assert sheet.shape == (TITLE + 4 * height + GAP, LEFT + 3 * (TILE + GAP), 3)
    for row in range(4):
        tiles = sheet[TITLE + GAP + row * height :][:TILE]
        raw, crop = tiles[:, LEFT : LEFT + TILE], tiles[:80, LEFT + TILE + GAP :][:, :125]
        rows, columns = np.flatnonzero(raw.any(axis=(1, 2))), np.flatnonzero(raw.any(axis=(0, 2)))
        assert (len(rows), len(columns), columns[0]) == (16 * 5, 25 * 5, 25)
        np.testing.assert_array_equal(raw[rows[0] : rows[-1] + 1, 25:150], crop)


def test_without_steps_the_cells_are_raw(cells: Path, tmp_path: Path) -> None:
    for text in ((), ("--prepare", "none"), ("--prepare", "mask[to=leave]")):
        assert show(cells, *text, "-o", tmp_path / "s.png", "--cells", "1")[0] == 0
        assert read(tmp_path / "s.png").shape[1] == LEFT + TILE + GAP


def test_a_cell_that_cannot_be_prepared_is_named_and_the_existing_sheet_is_unchanged(
    cells: Path, tmp_path: Path
) -> None:
    (tmp_path / "s.png").write_text("former")
    code, output = show(cells, "--prepare", "crop+centre_crop[size=30]", "-o", tmp_path / "s.png", "--force")
    assert code != 0
    assert re.search(
        r"the cell a/p\d_\d\S* cannot be prepared: centre_crop\[size=30\]: the image is 16 x 25 px", output
    )
    assert (tmp_path / "s.png").read_text() == "former"


def test_steps_are_checked_before_the_cells_are_read(tmp_path: Path) -> None:
    code, output = show(tmp_path / "nowhere", "--prepare", "crp")
    assert code != 0
    assert "no step is called 'crp'. Did you mean crop?" in output


def test_a_sheet_never_replaces_a_cell_or_becomes_one(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="is in the folder of the cells"):
        check_sheet_place(cells / "a" / "new.png", data=str(cells))
    with pytest.raises(BenchError, match=r"the suffix must be \.png"):
        check_sheet_place(tmp_path / "s.jpg", data=str(cells))
    check_sheet_place(tmp_path / "s.png", data="phantom")
    manifest, image = tmp_path / "cells.csv", cells / "a" / "p0_0.png"
    images = sorted(cells.rglob("*.png"))
    manifest.write_text("path,label,patient\n" + "".join(f"{p},{p.parent.name},{p.stem[:2]}\n" for p in images))
    before = image.read_bytes()
    ended = CliRunner().invoke(app, ["data", "show", str(manifest), "-o", str(image), "--force"])
    assert "is an image of the dataset" in str(ended.exception)
    assert image.read_bytes() == before
