"""Networks that are trained: bodies, heads, transforms, frozen layers and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from extractors.networks.architectures.joined import JoinedBodies
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.training.network import TrainableNetwork, build_network, set_trainable
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.training.trainable_module import batch_norms

SMALL = "mobilenetv3_small_050"


def network(arch: str = "small", classes: int = 2, **parameters: Any) -> TrainableNetwork:
    torch.manual_seed(0)
    return build_network(NetworkSpec(arch, **{"weights": "random", "size": 32} | parameters), classes)


def step(built: TrainableNetwork) -> None:
    """Take one step of gradient descent on random images."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, 3, 32, 32, generator=generator)
    trainable = [parameter for parameter in built.module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(trainable, lr=0.1)
    built.module.train()
    built.module(images).square().sum().backward()
    optimiser.step()


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in module.state_dict().items()}


def changed(before: dict[str, torch.Tensor], module: nn.Module) -> set[str]:
    return {key for key, value in module.state_dict().items() if not torch.equal(value, before[key])}


def test_the_feature_equals_that_of_timm(tmp_path: Path) -> None:
    torch.manual_seed(2)
    plain = timm.create_model("resnet10t", num_classes=5).eval()
    save_file(plain.state_dict(), tmp_path / "resnet10t.safetensors")
    built = build_network(NetworkSpec("resnet10t", size=64), 3, weights_dir=tmp_path)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = plain.forward_head(plain.forward_features(images), pre_logits=True)
        torch.testing.assert_close(built.module.eval().body(images), expected)
        assert built.module(images).shape == (2, 3)
    assert (built.width, built.file) == (512, tmp_path / "resnet10t.safetensors")
    config = timm.data.resolve_model_data_config(plain)
    assert (built.mean, built.std) == (tuple(config["mean"]), tuple(config["std"]))


def test_the_fastai_head_pools_maximum_first_then_average() -> None:
    built = network("resnet10t", head="fastai", size=64)
    plain = timm.create_model("resnet10t", num_classes=0).eval()
    plain.load_state_dict({key.removeprefix("body.trunk.network."): value for key, value in state(built.module).items()
                           if key.startswith("body.")})  # fmt: skip
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        maps = plain.forward_features(images)
        expected = torch.cat([maps.amax(dim=(2, 3)), maps.mean(dim=(2, 3))], dim=1)
        torch.testing.assert_close(built.module.eval().body(images), expected)


@pytest.mark.parametrize(
    ("arch", "side", "positions", "convolutions"),
    [
        ("vgg11", 256, 7, 9_220_480),  # torchvision: 132,863,336 less 123,642,856 of its classifier
        ("alexnet", 320, 6, 2_469_696),  # torchvision: 61,100,840 less 58,631,144
    ],
)
def test_the_body_of_fastai_ends_in_the_average_pooling_of_torchvision(
    arch: str, side: int, positions: int, convolutions: int
) -> None:
    body = network(arch, head="fastai", size=side).module.body
    assert sum(parameter.numel() for parameter in body.parameters()) == convolutions
    with torch.inference_mode():
        assert body.get_submodule("trunk")(torch.zeros(1, 3, side, side)).shape[2:] == (positions, positions)


def test_building_keeps_the_statistics_of_batch_norms() -> None:
    for parameters in ({}, {"head": "fastai"}, {"pool": "avg+max"}, {"layer": 1}):
        for norm in batch_norms(network("resnet10t", **parameters).module):
            assert not norm.running_mean.any()  # type: ignore[operator, union-attr]


def test_layer_and_pool_are_those_of_embeddings() -> None:
    for parameters in ({"layer": 1}, {"layer": -1, "pool": "max"}, {"pool": "avg+max"}):
        spec = BackboneSpec(SMALL, "random", size=32, **parameters)  # type: ignore[arg-type]
        assert network(SMALL, **parameters).width == load_backbone(spec).width
    assert network("vit_tiny_patch16_224", pool="cls+max", size=32).width == 2 * 192
    assert network("small", pool="avg+max").width == 2 * 128


def test_own_architectures_keep_their_head() -> None:
    head = network("unnithan", classes=1, size=16).module.head
    assert [type(layer).__name__ for layer in head.children()] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert head[0].out_features == 128  # type: ignore[index]
    assert network("unnithan", size=16, head="linear").module.head[0].in_features == 64  # type: ignore[index]
    assert [type(layer).__name__ for layer in network(SMALL).module.head.children()] == ["Linear"]


def test_unnithan_has_the_published_number_of_parameters() -> None:
    built = network("unnithan", classes=1, size=256)
    assert sum(parameter.numel() for parameter in built.module.parameters()) == 30_595_265


def test_dropout_replaces_all_rates_of_an_own_architecture() -> None:
    def rates(built: TrainableNetwork) -> list[float]:
        return [layer.p for layer in built.module.modules() if isinstance(layer, nn.Dropout)]

    assert rates(network("unnithan", size=16)) == [0.5, 0.5, 0.5]
    assert rates(network("unnithan", size=16, dropout=0.1)) == [0.1, 0.1, 0.1]
    assert rates(network("unnithan", size=16, dropout=0.1, head="mlp")) == [0.1, 0.1, 0.1]
    assert rates(network(SMALL, dropout=0.3)) == [0.3]
    assert rates(network("resnet10t", dropout=0.3, head="fastai")) == [0.15, 0.3]


def test_joined_networks_concatenate_their_features() -> None:
    built = network("resnet10t+small", size=64)
    assert built.width == 512 + 128
    assert isinstance(built.module.body, JoinedBodies)
    images = torch.randn(2, 3, 64, 64)
    built.module.eval()
    pixels = images * torch.tensor(built.std).view(1, 3, 1, 1) + torch.tensor(built.mean).view(1, 3, 1, 1)
    with torch.inference_mode():
        first, second = built.module.body.bodies
        expected = torch.cat([first(images), second(pixels)], dim=1)
        torch.testing.assert_close(built.module.body(images), expected, rtol=1e-4, atol=1e-4)
    assert [type(layer).__name__ for layer in built.module.head.children()] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert built.module.head[0].out_features == 512  # type: ignore[index]


def test_the_transform_follows_the_view() -> None:
    assert network("small", size="default").transform == MaskCrop(64)
    assert network("unnithan", size=16).transform == MaskCrop(16)
    assert isinstance(network("small", view="frame").transform, ResizeCrop)
    assert network(SMALL, view="mask").transform == MaskCrop(32)
    unnithan = network("unnithan", size=16, view="frame").transform
    assert isinstance(unnithan, ResizeCrop)
    assert (unnithan.size, unnithan.mean, unnithan.std) == ((16, 16), (0, 0, 0), (1, 1, 1))
    assert isinstance(network("dct_lstm", size=64).transform, ResizeCrop)


def test_the_statistics_of_the_small_network_are_those_of_the_training_part() -> None:
    names = ("small", "unnithan", "allnet", "rezayi", "dct_lstm", SMALL)
    assert [NetworkSpec(arch).scale for arch in names] == ["training"] * 4 + ["config"] * 2


def test_weights_come_from_the_global_generator() -> None:
    first, again = network(SMALL), network(SMALL)
    assert not changed(state(first.module), again.module)
    torch.manual_seed(9)
    other = build_network(NetworkSpec(SMALL, "random", size=32), 2)
    assert changed(state(first.module), other.module)


@pytest.mark.parametrize("arch", [SMALL, "resnet10t", "small", "allnet"])
def test_frozen_layers_and_batch_norms_are_bit_equal_after_a_step(arch: str) -> None:
    built = network(arch, size=32)
    set_trainable(built, len(built.groups) - 1, bn="frozen")
    before = state(built.module)
    step(built)
    moved = changed(before, built.module)
    assert moved
    assert all(key.startswith("head.") for key in moved)


def test_all_batch_norms_are_frozen_in_every_group() -> None:
    built = network(SMALL, head="fastai")
    norms = {name for name, layer in built.module.named_modules() if layer in set(batch_norms(built.module))}
    assert {"head.0", "head.4"} < norms
    set_trainable(built, 0, bn="frozen")
    before = state(built.module)
    step(built)
    moved = changed(before, built.module)
    assert "body.trunk.network.conv_stem.weight" in moved
    assert not {key.rpartition(".")[0] for key in moved} & norms
    assert not any(norm.training for norm in batch_norms(built.module.train().train(True)))
    set_trainable(built, 0, bn="train")
    assert all(norm.training for norm in batch_norms(built.module))


def test_batch_norms_of_frozen_layers_train_as_in_fastai() -> None:
    built = network("allnet")
    set_trainable(built, len(built.groups) - 1, bn="train")
    before = state(built.module)
    step(built)
    moved = changed(before, built.module)
    names = {id(norm): name for name, norm in built.module.named_modules()}
    norms = {names[id(norm)] for norm in batch_norms(built.module)}
    tensors = {f"{norm}.{tensor}" for norm in norms
               for tensor in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")}  # fmt: skip
    assert {key for key in moved if not key.startswith("head.")} == tensors


def test_later_groups_train_and_earlier_ones_do_not() -> None:
    built = network(SMALL)
    set_trainable(built, 1, bn="frozen")
    frozen = {id(parameter) for layer in built.groups[0] for parameter in layer.parameters()}
    norms = {id(parameter) for norm in batch_norms(built.module) for parameter in norm.parameters()}
    for parameter in built.module.parameters():
        assert parameter.requires_grad == (id(parameter) not in frozen | norms)


@pytest.mark.parametrize(("first", "bn", "message"), [(3, "train", "groups 0 to 2"), (0, "on", "bn=on is not known")])
def test_unknown_groups_and_modes_raise(first: int, bn: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_trainable(network(), first, bn=bn)


def test_a_batch_of_one_with_batch_norm_raises() -> None:
    built = network()
    with pytest.raises(ValueError, match=r"a batch of one cell: .* use batch_size=2 or more .* or bn=frozen"):
        built.module(torch.zeros(1, 3, 32, 32))
    set_trainable(built, 0, bn="frozen")
    assert built.module(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    assert network("unnithan", size=32).module(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"arch": "unnithan", "size": 15}, "unnithan rejects images of 15 x 15 pixels; it takes 16 or more"),
        ({"arch": "vgg11", "size": 16}, r"vgg11 rejects images of 16 x 16 pixels \(.*\); try 32 or more"),
        ({"arch": "vit_tiny_patch16_224", "head": "fastai"}, "head=fastai pools a feature map, and vit_tiny"),
        ({"arch": "dct_lstm", "head": "fastai", "size": 64}, "dct_lstm has no last feature map to pool"),
        ({"head": "fastai", "pool": "avg"}, "head=fastai pools the feature map itself"),
        ({"head": "mpl"}, "head=mpl is not known"),
        ({"view": "cell"}, "view=cell is not known; it is one of default, frame, mask"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\); it is 1.0"),
        ({"lora": -1}, "lora=-1 is not valid"),
        ({"arch": "small+", "size": 32}, "names no network"),
        ({"arch": "small+unnithan", "weights": "tag"}, "joined networks take weights=default or weights=random"),
        ({"arch": "resnet10t", "lora": 4}, "lora=4: resnet10t has no attention layers"),
        ({"arch": "resnet1O"}, "there is no timm or torchvision model 'resnet1O'"),
    ],
)
def test_an_unsupported_option_raises(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**parameters)


def test_missing_weights_raise_with_the_remedy() -> None:
    with pytest.raises(
        FileNotFoundError, match=r"(?s)no weights for resnet10t .*untrained weights with weights=random"
    ):
        build_network(NetworkSpec("resnet10t"), 2)
