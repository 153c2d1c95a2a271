from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.readers.masks import with_masks
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

Draw = Callable[..., Path]


def dataset(root: Path, mask: str | None, given: list[str | None] | None = None) -> Dataset:
    paths = [str(root / "a/1.bmp"), str(root / "b/1.bmp")]
    table = cell_table(cell=["x", "y"], path=paths, label=["a", "b"], patient=["p", "q"], mask_path=given)
    return Dataset("d", "test", table, None, ReadOptions(mask=mask))


def write_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((12, 12), np.uint8)
    mask[2:4, 3:8] = 1
    assert cv2.imwrite(str(path), mask)


def test_masks_are_found_under_the_relative_path_with_any_suffix(tmp_path: Path, draw: Draw) -> None:
    for name in ("a", "b"):
        draw(tmp_path / name / "1.bmp")
    write_mask(tmp_path / "m/a/1.png")
    write_mask(tmp_path / "m/b/1.TIF")
    found = with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)
    assert list(found.table["mask_path"]) == [str(tmp_path / "m/a/1.png"), str(tmp_path / "m/b/1.TIF")]
    assert [int(cell.mask.sum()) for cell in found.cells()] == [10, 10]


def test_nuclei_are_found_in_a_folder_of_their_own(tmp_path: Path, draw: Draw) -> None:
    for name in ("a", "b"):
        draw(tmp_path / name / "1.bmp")
        write_mask(tmp_path / f"n/{name}/1.png")
    plain = dataset(tmp_path, None)
    found = with_masks(replace(plain, options=ReadOptions(nucleus_mask=str(tmp_path / "n"))), tmp_path)
    assert list(found.table["nucleus_path"]) == [str(tmp_path / "n/a/1.png"), str(tmp_path / "n/b/1.png")]
    assert found.table["mask_path"].isna().all()
    assert found.notices == ()
    again = with_masks(found, tmp_path)
    assert again.notices == (
        f"--nucleus-mask {tmp_path / 'n'} goes before the masks that the data set names for 2 cells",
    )
    assert [int(cell.nucleus.sum()) for cell in found.cells() if cell.nucleus is not None] == [5, 5]


def test_what_is_wrong_with_nuclei_names_their_option(tmp_path: Path) -> None:
    for folder, message in (
        ("hole", "no such folder; give a folder of masks$"),
        (str(tmp_path), "folder of the cells"),
    ):
        asked = replace(dataset(tmp_path, "whole"), options=ReadOptions(mask="whole", nucleus_mask=folder))
        with pytest.raises(BenchError, match=f"--nucleus-mask {folder}: .*{message}"):
            with_masks(asked, tmp_path)


def test_a_cell_without_a_mask_is_named_and_counted(tmp_path: Path) -> None:
    write_mask(tmp_path / "m/a/1.png")
    with pytest.raises(BenchError, match=r"cell y has no mask; expected is .*m/b/1 with .*\(1 of 2 cells have none\)"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)


def test_two_masks_for_a_cell_are_refused(tmp_path: Path) -> None:
    write_mask(tmp_path / "m/a/1.png")
    write_mask(tmp_path / "m/a/1.bmp")
    with pytest.raises(BenchError, match=r"a/1\.png: a second mask beside .*a/1\.bmp"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)


def test_whole_and_folders_go_before_the_manifests_masks(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a/1.bmp")
    write_mask(tmp_path / "given.png")
    found = with_masks(dataset(tmp_path, "whole", [str(tmp_path / "given.png"), None]), tmp_path)
    assert found.table["mask_path"].isna().all()
    assert found.cells()[0].mask.all()
    assert found.notices == ("--mask whole goes before the masks that the data set names for 1 cells",)


def test_without_the_option_the_manifests_masks_stay(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a/1.bmp")
    write_mask(tmp_path / "given.png")
    found = with_masks(dataset(tmp_path, None, [str(tmp_path / "given.png"), None]), tmp_path)
    assert int(found.cells()[0].mask.sum()) == 10


def test_a_missing_mask_folder_and_the_cells_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--mask hole: no such folder; give a folder of masks, whole or smear"):
        with_masks(dataset(tmp_path, "hole"), tmp_path)
    with pytest.raises(BenchError, match="that is the folder of the cells"):
        with_masks(dataset(tmp_path, str(tmp_path)), tmp_path)


def test_a_cell_outside_the_folder_has_no_mask_name(tmp_path: Path) -> None:
    write_mask(tmp_path / "m/a/1.png")
    with pytest.raises(BenchError, match=r"a/1\.bmp lies outside .*give a mask column"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path / "elsewhere")
