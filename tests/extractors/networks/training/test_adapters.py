"""Low-rank adapters of attention layers."""

from __future__ import annotations

import pytest
import torch

from extractors.networks.training import adapters
from extractors.networks.training.adapters import is_adapter
from extractors.networks.training.network import build_network, set_trainable
from extractors.networks.training.network_spec import NetworkSpec

VIT = "vit_tiny_patch16_224"


def test_adapters_train_alone() -> None:
    pytest.importorskip("peft", exc_type=ImportError)
    torch.manual_seed(0)
    built = build_network(NetworkSpec(VIT, "random", size=32, lora=4), 2)
    trainable = {name: p for name, p in built.module.named_parameters() if p.requires_grad}
    assert all(is_adapter(name) or name.startswith("head.") for name in trainable)
    assert sum(p.numel() for name, p in trainable.items() if is_adapter(name)) == 12 * 4 * (
        (192 + 3 * 192) + (192 + 192)
    )
    before = {name: p.clone() for name, p in built.module.named_parameters()}
    images = torch.randn(4, 3, 32, 32)
    optimiser = torch.optim.SGD(trainable.values(), lr=0.1)
    for _ in range(2):  # the first step leaves one factor of each adapter unchanged, because the other is 0
        optimiser.zero_grad()
        built.module(images).square().sum().backward()
        optimiser.step()
    moved = {name for name, p in built.module.named_parameters() if not torch.equal(p, before[name])}
    assert moved == set(trainable)


def test_the_head_alone_trains_in_its_stage() -> None:
    pytest.importorskip("peft", exc_type=ImportError)
    built = build_network(NetworkSpec(VIT, "random", size=32, lora=2), 2)
    set_trainable(built, len(built.groups) - 1)
    assert all(name.startswith("head.") for name, p in built.module.named_parameters() if p.requires_grad)
    set_trainable(built, 0)
    assert any(is_adapter(name) for name, p in built.module.named_parameters() if p.requires_grad)


def test_attention_that_bypasses_its_layers_is_refused() -> None:
    pytest.importorskip("peft", exc_type=ImportError)
    with pytest.raises(ValueError, match="computes its attention from the weights alone"):
        build_network(NetworkSpec("beit_base_patch16_224", "random", lora=2), 2)


def test_a_missing_package_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(ValueError, match="lora needs the package peft"):
        adapters._peft()
