from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

from extractors.networks.backbones import load_backbone

SMALL = "mobilenetv3_small_050"


def picture(width: int = 300, height: int = 200) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def close(ours: torch.Tensor, plain: torch.Tensor) -> bool:
    return bool((ours - plain).abs().max() < 1e-4 * plain.abs().max())


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
    view = create_transform(**resolve_model_data_config(plain), is_training=False)
    with torch.inference_mode():
        expected = plain.eval()(view(picture())[None])
    backbone = load_backbone(SMALL, pool=pool, weights_dir=weights_dir)
    assert close(backbone.features(backbone.shrink(picture())[None]), expected)
    assert (backbone.width, backbone.file) == (1024, weights_dir / f"{SMALL}.safetensors")


def test_two_poolings_are_joined(weights_dir: Path) -> None:
    features = {}
    for pool in ("avg", "max", "avg+max"):
        backbone = load_backbone(SMALL, pool=pool, weights_dir=weights_dir)
        features[pool] = backbone.features(backbone.shrink(picture())[None])
    assert torch.equal(features["avg+max"], torch.cat([features["avg"], features["max"]], dim=1))
    assert not torch.equal(features["avg"], features["max"])


def test_a_transformer_gives_patch_tokens_or_its_class_token() -> None:
    network = load_backbone("vit_tiny_patch16_224", weights="random", pool="cls")
    image = network.shrink(picture())[None]
    tokens = network.networks[0].forward_features(  # type: ignore[operator]  # a method of timm's
        (image / 255.0 - torch.tensor(network.mean).view(1, 3, 1, 1)) / torch.tensor(network.std).view(1, 3, 1, 1)
    )
    averaged = load_backbone("vit_tiny_patch16_224", weights="random", pool="avg")
    assert close(network.features(image), tokens[:, 0])
    assert close(averaged.features(image), tokens[:, 1:].mean(dim=1))


def test_random_weights_depend_on_the_name_alone() -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = load_backbone("resnet10t", weights="random")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    again = load_backbone("resnet10t", weights="random", pool="max")
    other = load_backbone("resnet14t", weights="random")
    weight = "conv1.0.weight"
    assert first.file is None
    assert torch.equal(first.networks[0].state_dict()[weight], again.networks[0].state_dict()[weight])
    assert not torch.equal(first.networks[0].state_dict()[weight], other.networks[0].state_dict()[weight])


def test_a_changed_file_is_read_again(weights_dir: Path) -> None:
    file = weights_dir / f"{SMALL}.safetensors"
    before = load_backbone(SMALL, weights_dir=weights_dir)
    assert load_backbone(SMALL, weights_dir=weights_dir) is before
    save_file({**timm.create_model(SMALL).state_dict(), "classifier.extra": torch.zeros(9)}, file)
    assert load_backbone(SMALL, weights_dir=weights_dir) is not before


def test_another_architectures_file_is_refused(weights_dir: Path) -> None:
    file = weights_dir / f"{SMALL}.safetensors"
    with pytest.raises(ValueError, match=rf"{SMALL}\.safetensors: not the weights of resnet10t: key .* is missing"):
        load_backbone("resnet10t", weights=str(file))


def test_a_missing_and_a_misshapen_tensor_are_named(tmp_path: Path) -> None:
    state = timm.create_model(SMALL).state_dict()
    file = tmp_path / f"{SMALL}.safetensors"
    save_file({key: value for key, value in state.items() if key != "conv_head.bias"}, file)
    with pytest.raises(ValueError, match=r"key conv_head\.bias is missing"):
        load_backbone(SMALL, weights_dir=tmp_path)
    save_file(state | {"conv_head.bias": torch.zeros(7)}, file)
    with pytest.raises(ValueError, match=r"key conv_head\.bias has shape \(7,\)"):
        load_backbone(SMALL, weights_dir=tmp_path)


def test_the_head_may_be_absent(tmp_path: Path) -> None:
    state = timm.create_model(SMALL).state_dict()
    save_file({k: v for k, v in state.items() if not k.startswith("classifier")}, tmp_path / f"{SMALL}.safetensors")
    assert load_backbone(SMALL, weights_dir=tmp_path).width == 1024


def test_weights_that_their_publisher_named_otherwise_are_converted(tmp_path: Path) -> None:
    state = timm.create_model("vit_tiny_patch16_224").state_dict()
    file = tmp_path / "clip.safetensors"
    save_file({f"visual.trunk.{key}": value for key, value in state.items()}, file)
    loaded = load_backbone("vit_tiny_patch16_224", weights=str(file), pool="cls").networks[0].state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items() if not key.startswith("head"))


def test_a_torchvision_network_gives_what_goes_into_its_last_layer(tmp_path: Path) -> None:
    plain = torchvision.models.get_model("squeezenet1_1").eval()
    save_file(plain.state_dict(), tmp_path / "squeezenet1_1.safetensors")
    view = torchvision.models.SqueezeNet1_1_Weights.DEFAULT.transforms()
    with torch.inference_mode():
        maps = plain.features(view(picture())[None])
    for pool, expected in (("avg", maps.mean(dim=(2, 3))), ("max", maps.amax(dim=(2, 3)))):
        backbone = load_backbone("squeezenet1_1", pool=pool, weights_dir=tmp_path)
        assert backbone.width == 512
        assert close(backbone.features(backbone.shrink(picture())[None]), expected)


def test_a_pooling_that_a_model_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="pool=median is not known; it is one of avg, max"):
        load_backbone(SMALL, weights="random", pool="median")
    with pytest.raises(ValueError, match="mobilenetv3_small_050 cannot be pooled by cls"):
        load_backbone(SMALL, weights="random", pool="cls")
    with pytest.raises(ValueError, match="mobilenet_v2 of torchvision cannot be pooled by max"):
        load_backbone("mobilenet_v2", weights="random", pool="max")


def test_published_weights_load_strictly(shared: Path) -> None:
    folder = shared / "weights"
    assert load_backbone("mobilenetv2_100", weights_dir=folder).width == 1280
    assert load_backbone("squeezenet1_1", weights_dir=folder).width == 512
    with pytest.raises(ValueError, match="not the weights of mobilenetv2_100: key"):
        load_backbone("mobilenetv2_100", weights=str(folder / "squeezenet1_1.safetensors"))
