"""Layer groups: the splits of fastai 1, timm's groups and halves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from extractors.networks.training.layer_groups import half_of_parts, merged_groups
from extractors.networks.training.network import TrainableNetwork, build_network
from extractors.networks.training.network_spec import NetworkSpec


def network(arch: str, **parameters: object) -> TrainableNetwork:
    return build_network(NetworkSpec(arch, "random", **parameters), 2)  # type: ignore[arg-type]


def first_names(built: TrainableNetwork) -> list[str]:
    """Return the name of the first parameter of each group."""
    names = {id(parameter): name for name, parameter in built.module.named_parameters()}
    return [names[next(id(p) for layer in group for p in layer.parameters())] for group in built.groups]


@pytest.mark.parametrize(
    ("arch", "size", "starts"),
    [
        ("resnet18", 32, ["conv1.weight", "layer3.0.conv1.weight"]),
        ("vgg16_bn", 32, ["features.0.weight", "features.24.weight"]),  # 22 and 23 are ReLU and pooling
        ("alexnet", 64, ["features.0.weight", "features.6.weight"]),
        (
            "squeezenet1_1",
            64,
            ["features.0.weight", "features.6.squeeze.weight", "features.9.squeeze.weight"],  # 5 and 8 are poolings
        ),
        ("densenet121", 32, ["features.conv0.weight", "features.transition2.norm.weight"]),
        ("efficientnet_b0", 32, ["conv_stem.weight", "blocks.3.0.conv_pw.weight"]),
        ("vit_tiny_patch16_224", 32, ["cls_token", "blocks.6.norm1.weight"]),
        ("mobilenet_v2", 32, ["features.0.0.weight", "features.10.conv.0.0.weight"]),
        ("unnithan", 16, ["trunk.0.weight", "trunk.6.weight"]),
        ("vgg16_eca", 32, ["trunk.0.weight", "trunk.eca4.conv.weight"]),  # 22 is a ReLU
        ("cnn_rnn", 63, ["trunk.0.weight", "trunk.6.weight"]),
    ],
)
def test_groups_begin_at_the_splits(arch: str, size: int, starts: list[str]) -> None:
    built = network(arch, size=size)
    assert first_names(built)[:-1] == [f"body.{name}" for name in starts]
    assert built.groups[-1] == [built.module.head]


def test_groups_of_fastai_begin_at_its_layers() -> None:
    squeezenet = network("squeezenet1_1", size=64)
    assert squeezenet.groups[1][0] is squeezenet.module.body.get_submodule("features.5")
    assert squeezenet.groups[2][0] is squeezenet.module.body.get_submodule("features.8")


@pytest.mark.parametrize(
    ("arch", "parameters"),
    [
        ("densenet121", {"size": 32}),
        ("vit_tiny_patch16_224", {"size": 32}),
        ("vit_tiny_patch16_224", {"size": 32, "pool": "cls+max"}),
        ("mobilenetv3_small_050", {"size": 32, "layer": 2}),
        ("mobilenetv3_small_050", {"size": 32, "head": "fastai"}),
        ("squeezenet1_1", {"size": 64, "layer": 7}),
        ("resnet10t+small", {"size": 32}),
        ("dct_lstm", {"size": 64}),
    ],
)
def test_each_parameter_is_in_one_group(arch: str, parameters: dict[str, object]) -> None:
    built = network(arch, **parameters)
    grouped = [id(p) for group in built.groups for layer in group for p in layer.parameters()]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(p) for p in built.module.parameters()}


def test_groups_survive_a_pooling_that_encloses_the_network() -> None:
    built = network("resnet18", size=32, head="fastai")
    assert first_names(built)[1] == "body.trunk.network.layer3.0.conv1.weight"


def test_bodies_are_merged_from_the_head() -> None:
    a, b, c, d, e = (nn.Linear(1, 1) for _ in range(5))
    assert merged_groups([[[a], [b], [c]], [[d], [e]]]) == [[a], [b, d], [c, e]]


def test_halves_are_those_of_the_longest_sequence() -> None:
    blocks = nn.Sequential(*(nn.Linear(4, 4) for _ in range(6)))
    module = nn.ModuleDict({"stem": nn.Linear(2, 4), "blocks": blocks, "norm": nn.LayerNorm(4)})
    assert half_of_parts(module) == "blocks.3"
    assert half_of_parts(nn.ModuleDict({str(index): nn.Linear(1, 1) for index in range(5)})) == "3"


def test_requires_grad_of_loose_parameters_is_set_by_their_group() -> None:
    built = network("vit_tiny_patch16_224", size=32)
    for layer in built.groups[0]:
        layer.requires_grad_(False)
    token = built.module.body.cls_token
    assert isinstance(token, torch.Tensor)
    assert not token.requires_grad
