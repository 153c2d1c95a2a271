"""Training pixels and their cache, channel statistics and mini-batches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from extractors.cells import Cell, CellFile, Cells, UInt8Image
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.training import data
from extractors.networks.training.data import Batches, CropCache, LabelledPixels, channel_statistics, pixel_stack

SMALL, LARGE = MaskCrop(16), MaskCrop(20)


def test_training_pixels_of_a_backbone_equal_its_inference_pixels() -> None:
    """Without augmentation, the network receives the same tensor in training as in inference, bit for bit."""
    backbone = load_backbone(BackboneSpec("test_efficientnet", "random", size=96))
    rng = np.random.default_rng(0)
    cells = [Cell(str(i), rng.integers(0, 256, (120 + i, 100, 3), dtype=np.uint8)) for i in range(3)]
    inputs: list[torch.Tensor] = []
    network: Any = backbone.module.network
    network.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    with torch.inference_mode():
        backbone.module(torch.from_numpy(np.stack([backbone.transform(cell) for cell in cells])))
    pixels = pixel_stack(cells, backbone.transform)
    labelled = LabelledPixels(pixels, np.zeros(3, np.int64), np.ones(3, np.float32))
    statistics = np.float32(backbone.transform.mean), np.float32(backbone.transform.std)
    ((images, _, _),) = Batches(labelled, statistics, 3)
    assert torch.equal(images, inputs[0])
    shuffled = torch.cat([images for images, _, _ in Batches(labelled, statistics, 2, seed=0)])
    assert sorted(map(hash, map(bytes, shuffled.numpy()))) == sorted(map(hash, map(bytes, images.numpy())))


def test_the_stack_has_the_order_of_the_cells_for_any_threads() -> None:
    cells = [Cell(str(i), np.full((9, 9, 3), 10 * i + 1, dtype=np.uint8), np.ones((9, 9), np.bool_)) for i in range(12)]
    alone, together = pixel_stack(cells, MaskCrop(16)), pixel_stack(cells, MaskCrop(16), threads=4)
    assert alone.dtype == np.uint8
    assert np.array_equal(alone, together)
    assert alone[:, 0, 0, 0].tolist() == [10 * i + 1 for i in range(12)]


def test_statistics_equal_numpy() -> None:
    stack = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    mean, std = channel_statistics(stack)
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_allclose(mean, (stack / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, (stack / 255).std(axis=(0, 1, 2)), rtol=1e-6)


def test_a_constant_channel_has_unit_deviation() -> None:
    mean, std = channel_statistics(np.full((2, 4, 4, 3), 51, dtype=np.uint8))
    np.testing.assert_allclose(mean, 0.2, rtol=1e-6)
    assert std.tolist() == [1, 1, 1]


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
