"""Mini-batches: order, equality with inference, seeds, threads, memory and refusals."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar, overload

import numpy as np
import pytest
import torch

from extractors.cells import Cell
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.training import image_batches
from extractors.networks.training.augmentation.augmentation import Augmentation
from extractors.networks.training.augmentation.random_transform import Pictures, RandomTransform
from extractors.networks.training.channel_statistics import Statistics
from extractors.networks.training.image_batches import AHEAD, Batch, ImageBatches

UNIT: Statistics = (np.zeros(3, np.float32), np.ones(3, np.float32))


@dataclass(frozen=True)
class Offset(RandomTransform):
    """Adds one random number to each image, and needs masks."""

    name: ClassVar[str] = "offset"
    needs_masks: ClassVar[bool] = True

    def __call__(self, pictures: Pictures, generator: torch.Generator, *, strength: float) -> None:
        assert pictures.masks is not None
        assert pictures.masks.all()
        pictures.images.add_(strength * torch.rand(len(pictures.images), 1, 1, 1, generator=generator))


OFFSET = Augmentation((Offset(),), curriculum=4)


def flat_cells(n: int) -> list[Cell]:
    return [Cell(str(i), np.full((9, 9, 3), i + 1, dtype=np.uint8), np.ones((9, 9), np.bool_)) for i in range(n)]


def batches(cells: Sequence[Cell], **changes: Any) -> ImageBatches:
    options: dict[str, Any] = {"batch_size": 4, "statistics": UNIT, "threads": 1, **changes}
    numbers = np.arange(len(cells))
    return ImageBatches(cells, MaskCrop(16), numbers, 10.0 * numbers, **options)


def numbers(loaded: ImageBatches) -> list[int]:
    """The index of each cell in the order of the batches, read from its pixels."""
    return [round(float(image[0, 0, 0]) * 255) - 1 for images, _, _ in loaded for image in images]


def equal(left: list[Batch], right: list[Batch]) -> bool:
    return all(
        torch.equal(a, b) for one, other in zip(left, right, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_pixels_of_a_backbone_equal_those_of_inference() -> None:
    """Without augmentation, the network receives the same tensor in training as in inference, bit for bit."""
    backbone = load_backbone(BackboneSpec("test_efficientnet", "random", size=96))
    rng = np.random.default_rng(0)
    cells = [Cell(str(i), rng.integers(0, 256, (120 + i, 100, 3), dtype=np.uint8)) for i in range(3)]
    inputs: list[torch.Tensor] = []
    network: Any = backbone.module.network
    network.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    with torch.inference_mode():
        backbone.module(torch.from_numpy(np.stack([backbone.transform(cell) for cell in cells])))
    statistics = np.float32(backbone.transform.mean), np.float32(backbone.transform.std)
    loaded = ImageBatches(
        cells, backbone.transform, np.zeros(3), np.ones(3), batch_size=3, statistics=statistics, threads=2
    )
    ((images, _, _),) = loaded
    assert torch.equal(images, inputs[0])
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_without_a_seed_the_order_is_that_of_the_cells() -> None:
    loaded = batches(flat_cells(40), batch_size=19, threads=3)
    assert numbers(loaded) == list(range(40))
    targets, weights = (torch.cat([batch[part] for batch in loaded]) for part in (1, 2))
    assert targets.dtype == torch.int64
    assert targets.tolist() == list(range(40))
    assert weights.dtype == torch.float32
    assert weights.tolist() == [10.0 * i for i in range(40)]


def test_images_are_normalised_and_neither_shuffled_nor_augmented_without_a_seed() -> None:
    statistics = np.array([0.1, 0.2, 0.3], np.float32), np.array([0.5, 0.25, 0.125], np.float32)
    ((images, _, _),) = batches(flat_cells(2), statistics=statistics, augmentation=OFFSET)
    expected = (np.array([1, 2])[:, None] / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.25, 0.125]
    np.testing.assert_allclose(images[:, :, 7, 7].numpy(), expected, rtol=1e-5)


def test_batches_have_equal_sizes() -> None:
    """9 cells at most 4 at a time: three batches of three, and no batch of one."""
    loaded = batches(flat_cells(9))
    assert len(loaded) == 3
    assert [len(images) for images, _, _ in loaded] == [3, 3, 3]
    assert [len(images) for images, _, _ in batches(flat_cells(5), batch_size=2)] == [3, 2]
    assert [len(images) for images, _, _ in batches(flat_cells(1), batch_size=2)] == [1]
    assert list(batches([])) == []


def test_each_epoch_has_its_own_order_of_all_cells() -> None:
    loaded = batches(flat_cells(30), seed=5)
    first = numbers(loaded)
    assert sorted(first) == list(range(30))
    assert numbers(loaded) == first
    loaded.set_epoch(1)
    second = numbers(loaded)
    assert sorted(second) == list(range(30))
    assert second != first != list(range(30))
    assert numbers(batches(flat_cells(30), seed=6)) != first


def test_batches_can_be_consumed_in_inference_mode() -> None:
    with torch.inference_mode():
        assert numbers(batches(flat_cells(40), threads=2)) == list(range(40))


def test_targets_and_weights_belong_to_their_images() -> None:
    for images, targets, weights in batches(flat_cells(30), seed=5):
        assert [round(255 * float(image.mean())) - 1 for image in images] == targets.tolist()
        assert (10.0 * targets).tolist() == weights.tolist()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_resumed_epoch_equals_an_undisturbed_one(threads: int) -> None:
    cells, options = flat_cells(90), {"seed": 1, "batch_size": 20, "augmentation": OFFSET}
    undisturbed = batches(cells, threads=1, **options)
    epochs = []
    for epoch in range(2):
        undisturbed.set_epoch(epoch)
        epochs.append(list(undisturbed))
    resumed = batches(cells, threads=threads, **options)
    resumed.set_epoch(1)
    assert equal(list(resumed), epochs[1])
    assert not equal(epochs[0], epochs[1])


def test_each_image_has_its_own_augmentation_of_the_strength_of_the_epoch() -> None:
    cells = flat_cells(60)
    loaded = batches(cells, seed=1, batch_size=40, augmentation=OFFSET)
    for epoch in range(3):
        loaded.set_epoch(epoch)
        offsets = [
            float(image[0, 0, 0]) - (int(target) + 1) / 255
            for images, targets, _ in loaded
            for image, target in zip(images, targets, strict=True)
        ]
        assert len({round(offset, 5) for offset in offsets}) == 60
        assert 0.9 * (epoch + 1) / 4 < max(offsets) < (epoch + 1) / 4


def test_the_rows_of_an_epoch_can_be_drawn() -> None:
    loaded = batches(flat_cells(5), seed=0, rows=lambda rng: np.concatenate([[0, 0, 0], rng.permutation(5)[:4]]))
    assert len(loaded) == 2
    first = numbers(loaded)
    loaded.set_epoch(3)
    fourth = numbers(loaded)
    assert len(first) == len(fourth) == 7
    assert first.count(0) >= 3 <= fourth.count(0)
    assert first != fourth


def test_the_number_of_batches_does_not_draw_the_rows_again() -> None:
    """A step asks for it, and a draw takes a time that grows with the number of cells."""
    draws = 0

    def rows(rng: np.random.Generator) -> Any:
        nonlocal draws
        draws += 1
        return rng.permutation(9)

    loaded = batches(flat_cells(9), seed=0, rows=rows)
    assert [len(loaded) for _ in range(5)] == [3] * 5
    assert draws == 1
    list(loaded)
    assert draws == 2


class CountedCells(Sequence[Cell]):
    """Counts the cells that are accessed."""

    def __init__(self, n: int) -> None:
        self.accessed = 0
        self._cells = flat_cells(n)

    def __len__(self) -> int:
        return len(self._cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Cell]: ...
    def __getitem__(self, index: int | slice) -> Any:
        self.accessed += 1
        return self._cells[index]


def prefetch_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_decoding_is_lazy_and_stops_with_its_consumer() -> None:
    cells = CountedCells(200)
    iterator = iter(batches(cells, threads=2))
    assert cells.accessed == 0
    next(iterator)
    iterator.close()  # type: ignore[attr-defined]  # a generator
    assert 4 <= cells.accessed <= 4 * (AHEAD + 1)
    assert prefetch_threads() == []


def test_threads_end_when_the_consumer_fails_and_when_the_last_batch_is_not_exhausted() -> None:
    def consume() -> None:
        for _ in batches(flat_cells(40), threads=2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert prefetch_threads() == []
    loaded = batches(flat_cells(40), threads=2)
    iterator = iter(loaded)
    for _ in range(len(loaded)):
        next(iterator)
    for thread in threading.enumerate():
        if thread.name.startswith("prefetch"):
            thread.join(timeout=5)
    assert prefetch_threads() == []


def test_the_time_of_waiting_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that advances by 1 s at each reading, each batch is waited for 1 s."""
    clock = count()
    monkeypatch.setattr(image_batches.time, "perf_counter", lambda: float(next(clock)))
    loaded = batches(flat_cells(20))
    for expected in (5.0, 10.0):
        list(loaded)
        assert loaded.waited == expected


def test_an_unreadable_cell_is_named() -> None:
    cells = [*flat_cells(3), Cell("E7", np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.bool_))]
    with pytest.raises(ValueError, match=r"^cell E7: its mask is empty"):
        list(batches(cells, threads=2))


def test_invalid_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="2 cells, 1 targets and 2 weights"):
        ImageBatches(flat_cells(2), MaskCrop(16), [0], [1, 1], batch_size=2, statistics=UNIT, threads=1)
    with pytest.raises(ValueError, match="set seed"):
        batches(flat_cells(2), rows=lambda rng: np.arange(2))
