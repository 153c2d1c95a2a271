from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors.cells import Cell, CellFile, Cells, UInt8Image
from extractors.networks.training import data
from extractors.networks.training.crop_cache import CropCache
from extractors.networks.training.data import pixel_stack


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the cells that were decoded, in order."""
    names: list[str] = []
    crop = data.square_crop

    def spy(cell: Cell, size: int) -> UInt8Image:
        names.append(cell.id)
        return crop(cell, size)

    monkeypatch.setattr(data, "square_crop", spy)
    monkeypatch.setattr(data, "_memory", CropCache(budget=2 * 16 * 16 * 3))
    return names


def image_file(folder: Path, name: str, value: int) -> CellFile:
    cv2.imwrite(str(folder / name), np.full((16, 16, 3), value, dtype=np.uint8))
    return CellFile(name, str(folder / name), mask_by="whole")


def test_a_cell_is_decoded_once_per_transform_until_the_cache_is_full(tmp_path: Path, decoded: list[str]) -> None:
    cells = Cells(image_file(tmp_path, f"{i}.png", 10 * i) for i in range(3))
    first = pixel_stack(cells, 16)
    assert decoded == ["0.png", "1.png", "2.png"]
    assert np.array_equal(first, pixel_stack(cells, 16))
    assert decoded[3:] == ["2.png"]
    assert pixel_stack(cells.take([0]), 20).shape == (1, 20, 20, 3)
    assert decoded[4:] == ["0.png"]


def test_a_changed_file_is_decoded_again(tmp_path: Path, decoded: list[str]) -> None:
    file = image_file(tmp_path, "a.png", 10)
    assert pixel_stack(Cells([file]), 16)[0, 0, 0, 0] == 10
    image_file(tmp_path, "a.png", 20)
    os.utime(file.path, ns=(1, 1))
    assert pixel_stack(Cells([file]), 16)[0, 0, 0, 0] == 20
    Path(file.path).unlink()
    with pytest.raises(FileNotFoundError):
        pixel_stack(Cells([file]), 16)


def test_other_sequences_are_not_cached(tmp_path: Path, decoded: list[str]) -> None:
    class Darker(Cells):
        def __getitem__(self, index: int) -> Cell:  # type: ignore[override]  # only single cells are asked for
            cell = super().__getitem__(index)
            return Cell(cell.id, cell.image // 2, cell.mask)

    files = [image_file(tmp_path, "a.png", 10)]
    assert pixel_stack(Cells(files), 16)[0, 0, 0, 0] == 10
    assert pixel_stack(Darker(files), 16)[0, 0, 0, 0] == 5
