"""Heads: order of layers, parameter counts, dropout rates and initial weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from extractors.component import component
from extractors.networks.training.heads import HEADS, Fastai, Linear, Mlp


def kinds(head: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in head.children()]


def rates(head: nn.Module) -> list[float]:
    return [layer.p for layer in head.children() if isinstance(layer, nn.Dropout)]


def parameters(head: nn.Module) -> int:
    return sum(parameter.numel() for parameter in head.parameters())


def test_linear_is_one_layer_after_optional_dropout() -> None:
    assert kinds(Linear().build(8, 3)) == ["Linear"]
    assert parameters(Linear().build(8, 3)) == 9 * 3
    assert kinds(Linear().build(8, 3, dropout=0.25)) == ["Dropout", "Linear"]
    assert rates(Linear().build(8, 3, dropout=0.25)) == [0.25]


def test_mlp_has_one_hidden_layer() -> None:
    head = Mlp().build(1280, 1)  # the head of georgiev-nd: 1280 -> 320 -> 1
    assert kinds(head) == ["Linear", "ReLU", "Dropout", "Linear"]
    assert parameters(head) == 1281 * 320 + 321
    assert rates(head) == [0.0]
    assert rates(Mlp(dropout=0.3).build(8, 2)) == [0.3]
    assert rates(Mlp(dropout=0.3).build(8, 2, dropout=0.4)) == [0.4]


def test_fastai_has_the_layers_of_fastai() -> None:
    head = Fastai().build(1024, 2)  # on a ResNet-18
    assert kinds(head) == ["BatchNorm1d", "Dropout", "Linear", "ReLU", "BatchNorm1d", "Dropout", "Linear"]
    assert rates(head) == [0.25, 0.5]
    assert rates(Fastai().build(8, 2, dropout=0.4)) == [0.2, 0.4]
    assert parameters(head) == 2 * 1024 + 1025 * 512 + 2 * 512 + 513 * 2
    assert Fastai.pools == ("max", "avg")


def test_the_weights_of_fastai_are_kaiming_normal() -> None:
    torch.manual_seed(0)
    layer = Fastai().build(1000, 2)[2]  # type: ignore[index]
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 1000), rel=0.01)
    kurtosis = (layer.weight / layer.weight.std()).pow(4).mean().item()
    assert kurtosis == pytest.approx(3, abs=0.1)  # 1.8 for a uniform distribution
    assert not layer.bias.any()


def test_heads_are_selected_by_name() -> None:
    assert str(component("mlp", HEADS, "head")) == "mlp[width=320,dropout=0.0]"
    assert str(component("fastai", HEADS, "head")) == "fastai[width=512,dropout=0.5]"
    assert (str(component("linear", HEADS, "head")), str(component("default", HEADS, "head"))) == ("linear", "default")
    with pytest.raises(ValueError, match=r"head=mpl is not known\. Did you mean mlp"):
        component("mpl", HEADS, "head")
