from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from extractors.networks.backbones.backbone import Backbone
from extractors.networks.inference.cuda_engine import MAX_BATCH, CudaEngine, in_batches
from extractors.networks.inference.torch_engine import TorchEngine

Images = npt.NDArray[np.uint8]


class Memory:
    """A launch that runs out of memory above `largest` images."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.tried: list[int] = []

    def __call__(self, images: Sequence[int]) -> list[int]:
        self.tried.append(len(images))
        if len(images) > self.largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(images)


def test_a_batch_that_does_not_fit_is_halved() -> None:
    memory = Memory(50)
    images: Any = list(range(MAX_BATCH))
    assert in_batches(images, MAX_BATCH, memory) == ([images[a : a + 32] for a in range(0, MAX_BATCH, 32)], 32)
    assert memory.tried == [256, 128, 64, *[32] * 8]
    memory.tried.clear()
    assert in_batches(images[:40], 32, memory) == ([images[:32], images[32:40]], 32)
    assert memory.tried == [32, 8]


def test_one_image_that_does_not_fit_raises() -> None:
    with pytest.raises(ValueError, match=r"does not fit into the GPU's memory.*--jobs.*size=.*--device cpu"):
        in_batches(list(range(5)), 8, Memory(0))  # type: ignore[arg-type]  # numbers stand for images


@pytest.mark.parametrize("largest", [256, 3, 1])
def test_batches_equal_single_images(backbone: Backbone, images: Images, largest: int) -> None:
    """Runs the code of the GPU on the CPU, without streams and pinned memory."""
    engine = CudaEngine(backbone, precision="f32", device="cpu")
    sizes = []

    def limited(module: Any, inputs: tuple[torch.Tensor]) -> None:
        if len(inputs[0]) > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(inputs[0]))

    engine._module.register_forward_pre_hook(limited)
    rows = list(engine.features(images))
    expected = list(TorchEngine(backbone, threads=1, precision="f32").features(images))
    assert np.abs(np.stack(rows) - expected).max() < 1e-5 * np.abs(expected).max()
    assert sizes == {256: [7], 3: [3, 3, 1], 1: [1] * 7}[largest]
    assert list(engine.features([])) == []
    sizes.clear()
    list(engine.features(images))
    assert sizes == {256: [7], 3: [3, 3, 1], 1: [1] * 7}[largest]


def test_bf16_is_close_and_f32_does_not_use_tf32(backbone: Backbone, images: Images) -> None:
    seen = []
    engine = CudaEngine(backbone, precision="f32", device="cpu")
    before = torch.backends.cudnn.conv.fp32_precision
    engine._module.register_forward_pre_hook(
        lambda *_: seen.append((torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision))
    )
    exact = np.stack(list(engine.features(images)))
    assert seen == [("ieee", "ieee")]
    assert torch.backends.cudnn.conv.fp32_precision == before
    rough = np.stack(list(CudaEngine(backbone, precision="bf16", device="cpu").features(images)))
    assert rough.dtype == np.float32
    assert 1e-6 < np.abs(rough - exact).max() / np.abs(exact).max() < 5e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU on this machine")
@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 1e-4), ("bf16", 5e-2)])
def test_gpu_features_equal_cpu_features(backbone: Backbone, images: Images, precision: str, tolerance: float) -> None:
    many = np.tile(images, (100, 1, 1, 1))
    rows = np.stack(list(CudaEngine(backbone, precision=precision).features(many)))
    expected = np.stack(list(TorchEngine(backbone, threads=1, precision="f32").features(images)))
    assert np.abs(rows - np.tile(expected, (100, 1))).max() < tolerance * np.abs(expected).max()
