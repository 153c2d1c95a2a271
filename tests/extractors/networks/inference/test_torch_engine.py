from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from extractors.networks.backbones.backbone import Backbone
from extractors.networks.inference.torch_engine import TorchEngine

Images = npt.NDArray[np.uint8]


def computed(backbone: Backbone, images: Images, *, precision: str = "f32") -> npt.NDArray[np.float32]:
    return np.stack(list(TorchEngine(backbone, threads=1, precision=precision).features(images)))


def test_features_equal_the_module(backbone: Backbone, images: Images) -> None:
    features = computed(backbone, images)
    assert (features.shape, features.dtype) == ((7, backbone.width), np.float32)
    with torch.inference_mode():
        expected = backbone.module(torch.from_numpy(images)).numpy()
    assert np.abs(features - expected).max() < 1e-5 * np.abs(expected).max()
    assert np.array_equal(computed(backbone, images[::-1])[::-1], features)


def test_bf16_is_close(backbone: Backbone, images: Images) -> None:
    exact, rough = computed(backbone, images), computed(backbone, images, precision="bf16")
    assert rough.dtype == np.float32
    assert 1e-6 < np.abs(rough - exact).max() / np.abs(exact).max() < 5e-2


def test_torch_threads_are_set_and_restored(backbone: Backbone, images: Images) -> None:
    seen = []
    hook = backbone.module.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        for _ in TorchEngine(backbone, threads=3, precision="f32").features(images[:2]):
            assert torch.get_num_threads() == before
    finally:
        hook.remove()
    assert seen == [3, 3]
