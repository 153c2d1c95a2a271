"""Feature stages and other input sizes equal those of timm and torchvision."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from timm.layers import resample_abs_pos_embed
from torchvision.models.feature_extraction import create_feature_extractor

from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone

IMAGE = np.random.default_rng(0).integers(0, 256, (150, 190, 3), dtype=np.uint8)


def random(model: str, **parameters: Any) -> Backbone:
    return load_backbone(BackboneSpec(model, "random", **parameters))


def features(backbone: Backbone, image: npt.NDArray[np.uint8] = IMAGE) -> torch.Tensor:
    with torch.inference_mode():
        return torch.as_tensor(backbone.module(torch.from_numpy(backbone.transform.apply(image)[None].copy())))


def state(model: str, **parameters: Any) -> dict[str, torch.Tensor]:
    """The random weights of a network."""
    network: Any = random(model, **parameters).module.network
    return {key: value.clone() for key, value in network.state_dict().items()}


def plain_image(network: torch.nn.Module, size: int | None = None) -> torch.Tensor:
    config = resolve_model_data_config(network, {} if size is None else {"input_size": (3, size, size)})
    return torch.as_tensor(create_transform(**config, is_training=False)(Image.fromarray(IMAGE)))[None]


def assert_close(ours: torch.Tensor, plain: torch.Tensor) -> None:
    assert ours.shape == plain.shape
    assert (ours - plain).abs().max() < 1e-5 * plain.abs().max()


STAGED = ["test_efficientnet", "test_resnet", "test_vit", "test_mambaout"]
"""Small networks of timm: convolutional ones, a transformer, and one whose feature maps are channels last."""


@pytest.mark.parametrize("model", STAGED)
def test_a_stage_equals_features_only_of_timm(model: str) -> None:
    pool = "cls" if "vit" in model else "avg"
    weights = state(model, pool=pool)
    for layer, single in ((1, "avg"), (-2, "max"), (0, "flatten")):
        plain = timm.create_model(model, num_classes=0)
        plain.load_state_dict(weights)
        overlay = {"state_dict": plain.state_dict(), "hf_hub_id": None, "url": None}
        stages = timm.create_model(
            model, pretrained=True, pretrained_cfg_overlay=overlay, features_only=True, out_indices=(layer,)
        ).eval()
        with torch.inference_mode():
            (maps,) = stages(plain_image(plain))
        if "mamba" in model:
            maps = maps.permute(0, 3, 1, 2)
        assert maps.shape[1] == stages.feature_info.channels()[0]
        expected = {"avg": maps.mean(dim=(2, 3)), "max": maps.amax(dim=(2, 3)), "flatten": maps.flatten(1)}
        assert_close(features(random(model, layer=layer, pool=single)), expected[single])


def test_the_last_stage_of_a_resnet_is_its_last_feature_map() -> None:
    assert_close(features(random("resnet10t", layer=-1)), features(random("resnet10t")))
    assert_close(features(random("resnet10t", layer=4, pool="avg+max")), features(random("resnet10t", pool="avg+max")))


def test_a_layer_of_alexnet_is_a_child_of_its_features() -> None:
    weights = state("alexnet")
    plain = torchvision.models.get_model("alexnet").eval()
    plain.classifier[6] = torch.nn.Identity()
    plain.load_state_dict(weights)
    image = torchvision.models.AlexNet_Weights.DEFAULT.transforms()(Image.fromarray(IMAGE))[None]
    with torch.inference_mode():
        for layer in (0, 5, -1):
            # In-place activations would change the output of an earlier layer.
            maps = copy.deepcopy(plain.features[: layer % 13 + 1])(image)
            assert_close(features(random("alexnet", layer=layer)), maps.mean(dim=(2, 3)))
        flat = plain.features(image).flatten(1)
    assert flat.shape == (1, 9216)
    assert_close(features(random("alexnet", pool="flatten")), flat)


def test_a_layer_of_googlenet_is_a_child_of_the_network() -> None:
    weights = state("googlenet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = torchvision.models.get_model("googlenet", aux_logits=False, init_weights=False).eval()
    plain.fc = torch.nn.Identity()
    plain.load_state_dict(weights)
    image = torchvision.models.GoogLeNet_Weights.DEFAULT.transforms()(Image.fromarray(IMAGE))[None]
    with torch.inference_mode():
        maps = create_feature_extractor(plain, ["inception3a"])(image)["inception3a"]
    assert_close(features(random("googlenet", layer=5)), maps.mean(dim=(2, 3)))


def test_another_size_has_the_same_crop_ratio() -> None:
    for model in ("resnet10t", "squeezenet1_1"):
        default, small = random(model).transform, random(model, size=96).transform
        assert small.size == (96, 96)
        assert small.scaled[0] / 96 == pytest.approx(default.scaled[0] / default.size[0], abs=1 / 96)
        assert (small.mean, small.std, small.interpolation) == (default.mean, default.std, default.interpolation)


def test_a_resnet_at_160_pixels() -> None:
    plain = timm.create_model("resnet18", num_classes=0).eval()
    plain.load_state_dict(state("resnet18"))
    with torch.inference_mode():
        expected = plain(plain_image(plain, 160))
    assert_close(features(random("resnet18", size=160)), expected)


def test_position_embeddings_are_resampled() -> None:
    weights = state("vit_tiny_patch16_224", pool="cls")
    weights["pos_embed"] = resample_abs_pos_embed(weights["pos_embed"], new_size=[10, 10], num_prefix_tokens=1)
    plain = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=160).eval()
    plain.load_state_dict(weights)
    with torch.inference_mode():
        expected = plain(plain_image(plain, 160))
    assert_close(features(random("vit_tiny_patch16_224", pool="cls", size=160)), expected)


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        (
            "vit_tiny_patch16_224",
            161,
            r"rejects images of 161 x 161 pixels: .* sides of 16 pixels; try 160 or 176; .* 224",
        ),
        ("vit_small_patch14_dinov2", 225, r"dinov2 rejects images of 225 x 225 .* try 224 or 238; size=default is 518"),
        ("vgg11", 16, r"vgg11 rejects images of 16 x 16 pixels \(.*too small\); try 32 or more; size=default is 224"),
        ("inception_v3", 40, r"inception_v3 rejects images of 40 x 40 pixels .*; try 64 or more; size=default is 299"),
        ("alexnet", 8, r"alexnet rejects images of 8 x 8 pixels .*; try more than 8, or size=default"),
        ("levit_128s", 160, r"levit_128s rejects images of 160 x 160 pixels .*size=default is 224"),
    ],
)
def test_an_unsupported_size_raises_with_a_suggestion(model: str, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random(model, size=size)


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("resnet10t", {"layer": 5}, "layer=5: resnet10t has the feature stages 0 to 4, or last"),
        ("resnet10t", {"layer": -6}, "layer=-6: resnet10t has the feature stages 0 to 4, or last"),
        ("alexnet", {"layer": 13}, "layer=13: alexnet of torchvision has the layers 0 to 12, or last"),
        ("vit_tiny_patch16_224", {"layer": 2, "pool": "cls"}, "cannot be pooled by cls: a feature stage is a map"),
        ("alexnet", {"layer": 2, "pool": "cls"}, "alexnet of torchvision cannot be pooled by cls"),
    ],
)
def test_an_unknown_layer_raises(model: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random(model, **parameters)
