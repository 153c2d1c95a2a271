"""Cost of a network: closed forms."""

from __future__ import annotations

import torch
from torch import nn

from extractors.networks.training.network import build_network, set_trainable
from extractors.networks.training.network_cost import network_cost
from extractors.networks.training.network_spec import NetworkSpec


def test_parameters_operations_and_bytes_of_a_convolution() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8))
    cost = network_cost(module, (10, 12))
    assert cost.parameters == 3 * 8 * 9 + 16
    assert cost.flops == 2 * 3 * 8 * 9 * 8 * 10
    assert cost.bytes == 4 * (3 * 8 * 9 + 16 + 16) + 8  # statistics, and a counter of 64 bits
    assert cost.size == (10, 12)
    assert module.training


def test_recurrent_layers_and_the_cosine_transform_are_counted() -> None:
    enabled = torch.backends.mkldnn.enabled  # type: ignore[attr-defined]
    module = build_network(NetworkSpec("dct_lstm"), 2).module
    transform = 2 * (64 * 256 * 256 + 64 * 256 * 64)
    recurrent = 64 * 2 * 4 * 128 * (64 + 128)
    assert network_cost(module, 256).flops == transform + recurrent + 2 * 128 * 2
    assert torch.backends.mkldnn.enabled == enabled  # type: ignore[attr-defined]


def test_frozen_norms_stay_frozen() -> None:
    built = build_network(NetworkSpec("small", size=16), 2)
    set_trainable(built, 0, bn="frozen")
    network_cost(built.module, 16)
    assert built.module.training
    assert not any(layer.training for layer in built.module.modules() if isinstance(layer, nn.BatchNorm2d))
