"""Backbones: poolings, weights and errors; stages, sizes and models by name have their own files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone

SMALL = "mobilenetv3_small_050"
VIT = "vit_tiny_patch16_224"


def picture(height: int = 200, width: int = 300) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def features(backbone: Backbone, *images: npt.NDArray[np.uint8]) -> torch.Tensor:
    inputs = np.stack([backbone.transform.apply(image) for image in images])
    with torch.inference_mode():
        return torch.as_tensor(backbone.module(torch.from_numpy(inputs)))


def random(model: str, **parameters: object) -> Backbone:
    return load_backbone(BackboneSpec(model, "random", **parameters))  # type: ignore[arg-type]


def assert_close(ours: torch.Tensor, plain: torch.Tensor) -> None:
    assert ours.shape == plain.shape
    assert (ours - plain).abs().max() < 1e-5 * plain.abs().max()


@pytest.fixture
def weights_dir(tmp_path: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        save_file(timm.create_model(SMALL).state_dict(), tmp_path / f"{SMALL}.safetensors")
    return tmp_path


@pytest.mark.parametrize("pool", ["avg", "max"])
def test_features_equal_a_plain_timm_forward(weights_dir: Path, pool: str) -> None:
    plain = timm.create_model(
        SMALL, checkpoint_path=str(weights_dir / f"{SMALL}.safetensors"), num_classes=1000, global_pool=pool
    )
    plain.reset_classifier(0, pool)
    transform = create_transform(**resolve_model_data_config(plain), is_training=False)
    with torch.inference_mode():
        expected = plain.eval()(transform(Image.fromarray(picture()))[None])
    backbone = load_backbone(BackboneSpec(SMALL, pool=pool), weights_dir)
    assert_close(features(backbone, picture()), expected)
    assert (backbone.width, backbone.file) == (1024, weights_dir / f"{SMALL}.safetensors")


def test_poolings_are_joined_in_order() -> None:
    parts = {pool: features(random(SMALL, pool=pool), picture()) for pool in ("avg", "max", "flatten")}
    for pool in ("avg+max", "flatten+avg"):
        first, second = pool.split("+")
        joined = random(SMALL, pool=pool)
        assert torch.equal(features(joined, picture()), torch.cat([parts[first], parts[second]], dim=1))
    assert not torch.equal(parts["avg"], parts["max"])


def test_joined_poolings_share_their_weights() -> None:
    single, joined = random("resnet10t"), random("resnet10t", pool="avg+max")
    numbers = [sum(tensor.numel() for tensor in backbone.module.parameters()) for backbone in (single, joined)]
    assert numbers[0] == numbers[1]


def test_flatten_returns_all_values_of_the_last_feature_map() -> None:
    backbone = random(SMALL, pool="flatten")
    plain = timm.create_model(SMALL, num_classes=0).eval()
    plain.load_state_dict(random(SMALL).module.network.state_dict())  # type: ignore[union-attr]  # a module, not a tensor
    transform = create_transform(**resolve_model_data_config(plain), is_training=False)
    with torch.inference_mode():
        maps = plain.forward_features(transform(Image.fromarray(picture()))[None])
    assert maps.shape == (1, 288, 7, 7)
    assert_close(features(backbone, picture()), maps.flatten(1))


def test_a_transformer_is_pooled_by_patch_tokens_or_class_token() -> None:
    plain = timm.create_model(VIT, num_classes=0).eval()
    plain.load_state_dict(random(VIT, pool="cls").module.network.state_dict())  # type: ignore[union-attr]
    transform = create_transform(**resolve_model_data_config(plain), is_training=False)
    with torch.inference_mode():
        image = transform(Image.fromarray(picture()))[None]
        tokens = plain.forward_features(image)
        assert_close(features(random(VIT, pool="cls"), picture()), plain(image))
        assert_close(features(random(VIT), picture()), plain(image))
    assert_close(features(random(VIT, pool="avg"), picture()), tokens[:, 1:].mean(dim=1))
    assert_close(features(random(VIT, pool="cls+max"), picture()), torch.cat([tokens[:, 0], tokens[:, 1:].amax(1)], 1))
    assert_close(features(random(VIT, pool="flatten"), picture()), tokens.flatten(1))


def test_random_weights_depend_on_the_name_alone() -> None:
    weight = "network.conv1.0.weight"
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = random("resnet10t").module.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    again = random("resnet10t", pool="max")
    other = random("resnet14t")
    assert again.file is None
    assert torch.equal(first[weight], again.module.state_dict()[weight])
    assert not torch.equal(first[weight], other.module.state_dict()[weight])


def test_a_traced_network_accepts_any_number_of_images() -> None:
    for backbone in (random(SMALL, pool="avg+max"), random("squeezenet1_1", layer=3), random(VIT, pool="cls", size=64)):
        batch = torch.from_numpy(np.stack([backbone.transform.apply(picture(40 + i)) for i in range(5)]))
        with torch.inference_mode():
            traced = torch.jit.trace(backbone.module, batch[:1], check_trace=False)
            assert_close(traced(batch), backbone.module(batch))


def test_features_equal_a_plain_torchvision_forward(tmp_path: Path) -> None:
    plain = torchvision.models.get_model("squeezenet1_1").eval()
    save_file(plain.state_dict(), tmp_path / "squeezenet1_1.safetensors")
    transform = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.transforms()
    with torch.inference_mode():
        maps = plain.features(transform(Image.fromarray(picture()))[None])
    means, maxima = maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))
    joined = torch.cat([means, maxima], dim=1)
    for pool, expected in (("avg", means), ("max", maxima), ("avg+max", joined), ("flatten", maps.flatten(1))):
        backbone = load_backbone(BackboneSpec("squeezenet1_1", pool=pool), tmp_path)
        assert_close(features(backbone, picture()), expected)
    assert load_backbone(BackboneSpec("squeezenet1_1"), tmp_path).width == 512


def test_the_default_pooling_of_a_feature_stage_is_the_average() -> None:
    stage = random(SMALL, layer=1)
    assert torch.equal(features(stage, picture()), features(random(SMALL, layer=1, pool="avg"), picture()))
    assert random("vit_b_32").width == 768  # of torchvision, where the feature is the class token


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pool": "median"}, "pool=median is not known; it is default, one of avg, max, cls, flatten, or several"),
        ({"pool": "avg+avg"}, r"pool=avg\+avg joins a pooling with itself"),
        ({"pool": "default+max"}, r"pool=default\+max joins a network's own pooling with another"),
        ({"pool": ()}, "pool= joins"),
        ({"layer": "first"}, "layer=first is not known; it is last, or the number of a feature stage"),
        ({"layer": True}, "layer=True is not known"),
        ({"layer": 1.5}, r"layer=1\.5 is not known"),
        ({"size": 7}, "size=7 is not valid; it is the side of the input, 8 to 4096 pixels, or default"),
        ({"size": "big"}, "size=big is not valid"),
        ({"size": True}, "size=True is not valid"),
        ({"size": 10**9}, "size=1000000000 is not valid"),
    ],
)
def test_an_invalid_specification_raises(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BackboneSpec(SMALL, **parameters)  # type: ignore[arg-type]


def test_joined_poolings_are_equal_as_text_and_as_a_list() -> None:
    text, listed = BackboneSpec(SMALL, pool="avg+max"), BackboneSpec(SMALL, pool=("avg", "max"))
    assert (text, hash(text), text.pool) == (listed, hash(listed), "avg+max")


@pytest.mark.parametrize(
    ("model", "pool", "message"),
    [
        (SMALL, "cls", "mobilenetv3_small_050 cannot be pooled by cls; it supports avg, max, flatten"),
        ("squeezenet1_1", "cls", "squeezenet1_1 of torchvision cannot be pooled by cls: it has no class token"),
        ("vit_b_32", "avg", r"use vit_b_32\[pool=cls\]"),
        ("mobilenet_v2", "max", r"the maximum of its last feature map is mobilenet_v2\[pool=max,layer=-1\]"),
    ],
)
def test_an_unsupported_pooling_raises(model: str, pool: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random(model, pool=pool)


def test_an_unknown_model_raises_with_similar_names() -> None:
    with pytest.raises(ValueError, match=r"no timm or torchvision model 'resnet5O'\. Did you mean .*resnet50"):
        random("resnet5O")
