"""Cached crops: hits, capacity, changed files and masks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors.cells import Cell, CellFile, Cells, UInt8Image
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.training import crop_cache
from extractors.networks.training.crop_cache import CropCache, cell_crop

SMALL, LARGE = MaskCrop(16), MaskCrop(20)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the decoded cells, in order; the cache has room for two."""
    names: list[str] = []
    transform = MaskCrop.__call__

    def spy(self: MaskCrop, cell: Cell) -> UInt8Image:
        names.append(cell.id)
        return transform(self, cell)

    monkeypatch.setattr(MaskCrop, "__call__", spy)
    monkeypatch.setattr(crop_cache, "_cache", CropCache(max_bytes=2 * 16 * 16 * 3))
    return names


def image_file(folder: Path, name: str, value: int) -> CellFile:
    cv2.imwrite(str(folder / name), np.full((16, 16, 3), value, dtype=np.uint8))
    return CellFile(name, str(folder / name), mask_by="whole")


def corners(cells: Sequence[Cell], transform: MaskCrop = SMALL) -> list[int]:
    return [int(cell_crop(cells, index, transform).image[0, 0, 0]) for index in range(len(cells))]


def test_a_cell_is_decoded_once_per_transform_until_the_cache_is_full(tmp_path: Path, decoded: list[str]) -> None:
    cells = Cells(image_file(tmp_path, f"{i}.png", 10 * i) for i in range(3))
    assert corners(cells) == [0, 10, 20]
    assert decoded == ["0.png", "1.png", "2.png"]
    assert corners(cells) == [0, 10, 20]
    assert decoded[3:] == ["2.png"]
    assert cell_crop(cells, 0, LARGE).image.shape == (20, 20, 3)
    assert decoded[4:] == ["0.png"]


def test_a_changed_file_is_decoded_again(tmp_path: Path, decoded: list[str]) -> None:
    file = image_file(tmp_path, "a.png", 10)
    assert corners(Cells([file])) == [10]
    image_file(tmp_path, "a.png", 20)
    os.utime(file.path, ns=(1, 1))
    assert corners(Cells([file])) == [20]
    Path(file.path).unlink()
    with pytest.raises(OSError, match=r"^cell a.png: .*No such file"):
        corners(Cells([file]))


def test_other_sequences_are_not_cached(tmp_path: Path, decoded: list[str]) -> None:
    class Darker(Cells):
        def __getitem__(self, index: int) -> Cell:  # type: ignore[override]  # only single cells are accessed
            cell = super().__getitem__(index)
            return Cell(cell.id, cell.image // 2, cell.mask)

    files = [image_file(tmp_path, "a.png", 10)]
    assert corners(Cells(files)) == [10]
    assert corners(Darker(files)) == [5]


def test_the_mask_is_transformed_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_cache, "_cache", CropCache())
    cells = Cells([image_file(tmp_path, "a.png", 10)])
    assert cell_crop(cells, 0, SMALL).mask is None
    for _ in range(2):
        mask = cell_crop(cells, 0, SMALL, mask=True).mask
        assert mask is not None
        assert mask.all()


def test_the_cache_does_not_keep_the_image_that_a_crop_is_a_view_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crop_cache, "_cache", CropCache())
    cells = Cells([image_file(tmp_path, "a.png", 10)])
    crop = ResizeCrop((16, 16), (64, 64), "exact", "nearest", (0.0,) * 3, (1.0,) * 3, (0, 0, 0))  # type: ignore[arg-type]
    cell_crop(cells, 0, crop)
    cached = cell_crop(cells, 0, crop).image
    assert cached.base is None
    assert cached.flags.owndata
