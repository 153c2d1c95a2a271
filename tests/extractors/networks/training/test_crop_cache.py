"""Cache of transformed images."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors.cells import Cell, CellFile, Cells, UInt8Image
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.training import data
from extractors.networks.training.crop_cache import CropCache
from extractors.networks.training.data import pixel_stack

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
    monkeypatch.setattr(data, "_cache", CropCache(max_bytes=2 * 16 * 16 * 3))
    return names


def image_file(folder: Path, name: str, value: int) -> CellFile:
    cv2.imwrite(str(folder / name), np.full((16, 16, 3), value, dtype=np.uint8))
    return CellFile(name, str(folder / name), mask_by="whole")


def test_a_cell_is_decoded_once_per_transform_until_the_cache_is_full(tmp_path: Path, decoded: list[str]) -> None:
    cells = Cells(image_file(tmp_path, f"{i}.png", 10 * i) for i in range(3))
    first = pixel_stack(cells, SMALL)
    assert decoded == ["0.png", "1.png", "2.png"]
    assert np.array_equal(first, pixel_stack(cells, SMALL))
    assert decoded[3:] == ["2.png"]
    assert pixel_stack(cells.take([0]), LARGE).shape == (1, 20, 20, 3)
    assert decoded[4:] == ["0.png"]


def test_a_changed_file_is_decoded_again(tmp_path: Path, decoded: list[str]) -> None:
    file = image_file(tmp_path, "a.png", 10)
    assert pixel_stack(Cells([file]), SMALL)[0, 0, 0, 0] == 10
    image_file(tmp_path, "a.png", 20)
    os.utime(file.path, ns=(1, 1))
    assert pixel_stack(Cells([file]), SMALL)[0, 0, 0, 0] == 20
    Path(file.path).unlink()
    with pytest.raises(FileNotFoundError):
        pixel_stack(Cells([file]), SMALL)


def test_other_sequences_are_not_cached(tmp_path: Path, decoded: list[str]) -> None:
    class Darker(Cells):
        def __getitem__(self, index: int) -> Cell:  # type: ignore[override]  # only single cells are accessed
            cell = super().__getitem__(index)
            return Cell(cell.id, cell.image // 2, cell.mask)

    files = [image_file(tmp_path, "a.png", 10)]
    assert pixel_stack(Cells(files), SMALL)[0, 0, 0, 0] == 10
    assert pixel_stack(Darker(files), SMALL)[0, 0, 0, 0] == 5
