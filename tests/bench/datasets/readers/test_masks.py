from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.readers.masks import with_masks, with_nucleus_masks
from bench.datasets.table import Dataset, ReadOptions, cell_table
from bench.errors import BenchError

Draw = Callable[..., Path]


def dataset(root: Path, mask: str | None, masks: list[str | None] | None = None) -> Dataset:
    paths = [str(root / "a/1.bmp"), str(root / "b/1.bmp")]
    table = cell_table(cell=["x", "y"], path=paths, label=["a", "b"], patient=["p", "q"], mask_path=masks)
    return Dataset("d", "test", table, None, ReadOptions(mask=mask))


def write_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((12, 12), np.uint8)
    mask[2:4, 3:8] = 1
    assert cv2.imwrite(str(path), mask)


def test_masks_have_the_relative_path_of_the_cell_and_any_suffix(tmp_path: Path, draw: Draw) -> None:
    for name in ("a", "b"):
        draw(tmp_path / name / "1.bmp")
    write_mask(tmp_path / "m/a/1.png")
    write_mask(tmp_path / "m/b/1.TIF")
    masked = with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)
    assert list(masked.table["mask_path"]) == [str(tmp_path / "m/a/1.png"), str(tmp_path / "m/b/1.TIF")]
    assert [int(cell.mask.sum()) for cell in masked.cells()] == [10, 10]


def test_nucleus_masks_are_read_from_a_separate_folder(tmp_path: Path, draw: Draw) -> None:
    for name in ("a", "b"):
        draw(tmp_path / name / "1.bmp")
        write_mask(tmp_path / f"n/{name}/1.png")
    plain = dataset(tmp_path, None)
    masked = with_nucleus_masks(replace(plain, options=ReadOptions(nucleus_mask=str(tmp_path / "n"))), tmp_path)
    assert list(masked.table["nucleus_path"]) == [str(tmp_path / "n/a/1.png"), str(tmp_path / "n/b/1.png")]
    assert masked.table["mask_path"].isna().all()
    assert masked.notices == ()
    again = with_nucleus_masks(masked, tmp_path)
    assert again.notices == (f"--nucleus-mask {tmp_path / 'n'} overrides the masks that the dataset names for 2 cells",)
    assert [int(cell.nucleus.sum()) for cell in masked.cells() if cell.nucleus is not None] == [5, 5]


def test_errors_of_nucleus_masks_name_the_option(tmp_path: Path) -> None:
    for folder, message in (
        ("hole", "no such folder; use a folder of masks$"),
        (str(tmp_path), "folder of the cells"),
    ):
        broken = replace(dataset(tmp_path, "whole"), options=ReadOptions(mask="whole", nucleus_mask=folder))
        with pytest.raises(BenchError, match=f"--nucleus-mask {folder}: .*{message}"):
            with_nucleus_masks(broken, tmp_path)


def test_a_cell_without_a_mask_is_named_and_counted(tmp_path: Path) -> None:
    write_mask(tmp_path / "m/a/1.png")
    with pytest.raises(BenchError, match=r"cell y has no mask; expected .*m/b/1 with .*\(1 of 2 cells have none\)"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)


def test_two_masks_for_a_cell_are_refused(tmp_path: Path) -> None:
    write_mask(tmp_path / "m/a/1.png")
    write_mask(tmp_path / "m/a/1.bmp")
    with pytest.raises(BenchError, match=r"a/1\.png: a second mask in addition to .*a/1\.bmp"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)


def test_mask_options_override_the_masks_of_a_manifest(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a/1.bmp")
    write_mask(tmp_path / "own.png")
    masked = with_masks(dataset(tmp_path, "whole", [str(tmp_path / "own.png"), None]), tmp_path)
    assert masked.table["mask_path"].isna().all()
    assert masked.cells()[0].mask.all()
    assert masked.notices == ("--mask whole overrides the masks that the dataset names for 1 cells",)


def test_without_the_option_the_masks_of_a_manifest_are_used(tmp_path: Path, draw: Draw) -> None:
    draw(tmp_path / "a/1.bmp")
    write_mask(tmp_path / "own.png")
    masked = with_masks(dataset(tmp_path, None, [str(tmp_path / "own.png"), None]), tmp_path)
    assert int(masked.cells()[0].mask.sum()) == 10


def test_a_missing_mask_folder_and_the_cells_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match="--mask hole: no such folder; use a folder of masks, whole, smear, otsu or thr"
    ):
        with_masks(dataset(tmp_path, "hole"), tmp_path)
    with pytest.raises(BenchError, match="this is the folder of the cells, and not every cell has a mask such as"):
        with_masks(dataset(tmp_path, str(tmp_path)), tmp_path)


@pytest.mark.parametrize(("before", "after"), [("", "_mask"), ("mask_", ""), ("", "-seg"), ("", "_nucleus_mask")])
@pytest.mark.parametrize("folder", ["m", "."])
def test_masks_may_have_a_word_before_or_after_the_name(tmp_path: Path, before: str, after: str, folder: str) -> None:
    for name in ("a", "b"):
        write_mask(tmp_path / folder / name / f"{before}1{after}.png")
    masked = with_masks(dataset(tmp_path, str(tmp_path / folder)), tmp_path)
    assert list(masked.table["mask_path"]) == [
        str(tmp_path / folder / f"{name}/{before}1{after}.png") for name in ("a", "b")
    ]
    assert masked.notices == (f"--mask {tmp_path / folder}: masks are named {before}<cell>{after}",)


def test_several_kinds_of_masks_and_partly_named_ones_are_refused(tmp_path: Path) -> None:
    for name in ("a/1_mask", "b/1_mask", "a/1_nucleus"):
        write_mask(tmp_path / f"m/{name}.png")
    assert len(with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path).notices) == 1
    write_mask(tmp_path / "m/b/1_nucleus.png")
    with pytest.raises(BenchError, match=r"several kinds of masks .*: <cell>_mask for 2 cells, <cell>_nucleus for 2"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)
    (tmp_path / "m/b/1_nucleus.png").unlink()
    (tmp_path / "m/b/1_mask.png").unlink()
    with pytest.raises(BenchError, match=r"2 of 2 cells have none; masks named <cell>_mask for 1 cells, .* were seen"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path)


def test_a_cell_outside_the_folder_has_no_mask_name(tmp_path: Path) -> None:
    write_mask(tmp_path / "m/a/1.png")
    with pytest.raises(BenchError, match=r"a/1\.bmp is outside .*use a mask column"):
        with_masks(dataset(tmp_path, str(tmp_path / "m")), tmp_path / "elsewhere")
