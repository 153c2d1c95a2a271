"""Common networks by name: width, transform and features equal a plain timm or torchvision forward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from torch import nn

from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.training.threads import torch_threads

Transform = Callable[[Image.Image], torch.Tensor]

TIMM = {
    "vgg16": (4096, 224),
    "densenet121": (1024, 224),
    "efficientnet_b0": (1280, 224),
    "resnet18": (512, 224),
    "resnet50": (2048, 224),
    "inception_v3": (2048, 299),
    "mobilenetv2_100": (1280, 224),
    "mobilenetv3_small_100": (1024, 224),
    "convnext_tiny": (768, 224),
    "vit_small_patch16_224": (384, 224),
    "vit_small_patch14_dinov2": (384, 518),
    "vgg19": (4096, 224),
}
"""Length of the feature and side of the image, from the papers; DINOv2's as published, with patches of 14 pixels."""

TORCHVISION: dict[str, tuple[int, Any, str]] = {
    "alexnet": (4096, torchvision.models.AlexNet_Weights.DEFAULT, "classifier.6"),
    "squeezenet1_1": (512, torchvision.models.SqueezeNet1_1_Weights.DEFAULT, "classifier.1"),
}
"""Length of the feature, published weights, and the classification layer."""


def noise(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same(model: str, shape: tuple[int, int], plain: nn.Module, transform: Transform) -> None:
    """Compare all features of one image between our network and `plain` with the same random weights."""
    backbone = load_backbone(BackboneSpec(model, "random"))
    network: Any = backbone.module.network
    plain.load_state_dict(network.state_dict())
    image = noise(450, 450)
    with torch.inference_mode():
        expected = plain.eval()(transform(Image.fromarray(image))[None])
        ours = backbone.module(torch.from_numpy(backbone.transform.apply(image)[None].copy()))
    assert ours.shape == expected.shape == (1, shape[0])
    assert (backbone.width, backbone.transform.size) == (shape[0], (shape[1], shape[1]))
    # Memory layouts and therefore the order of summation differ.
    assert (ours - expected).abs().max() < 1e-5 * expected.abs().max()
    assert expected.std() > 0
    mean, std = (torch.tensor(values)[:, None, None] for values in (backbone.transform.mean, backbone.transform.std))
    for height, wide in ((450, 450), (97, 131)):
        pixels = torch.from_numpy(backbone.transform.apply(noise(height, wide)).copy()).permute(2, 0, 1)
        assert torch.equal((pixels / 255 - mean) / std, transform(Image.fromarray(noise(height, wide))))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A single image does not use more threads."""
    with torch_threads(1):
        yield


@pytest.mark.parametrize("model", TIMM)
def test_a_timm_network_by_name(model: str) -> None:
    width, side = TIMM[model]
    plain = timm.create_model(model, num_classes=0)
    transform = create_transform(**resolve_model_data_config(plain), is_training=False)
    assert_same(model, (width, side), plain, transform)


@pytest.mark.parametrize("model", TORCHVISION)
def test_a_torchvision_network_by_name(model: str) -> None:
    width, weights, logits = TORCHVISION[model]
    plain = torchvision.models.get_model(model)
    parent, _, leaf = logits.rpartition(".")
    setattr(plain.get_submodule(parent), leaf, nn.Identity())
    assert_same(model, (width, 224), plain, weights.transforms())
