"""Parameters and operations of networks whose cost can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.backbones.cost import Cost, backbone_cost, count_flops, count_parameters


def test_a_convolution_and_a_linear_layer() -> None:
    """EVALUATION, section 12: 32 x 32 x 8 x 27 + 8192 x 10 = 303,104 MAC, twice as many operations."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(8192, 10)).eval()
    assert count_flops(lambda: network(torch.zeros(1, 3, 32, 32))) == 606_208
    assert count_parameters(network) == 8 * 27 + 8192 * 10 + 10


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_a_transformer_layer_with_its_attention(mode: type) -> None:
    """EVALUATION, section 12: projections 4 x 50 x 64 x 64, attention 2 x 50 x 50 x 64, feed-forward 2 x 50 x 64 x 128.

    Twice their sum of 1,958,400 MAC. The fast path of torch counts as 0, its fused attention leaves 640,000 out.
    """
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True).eval()
    before = torch.backends.mha.get_fastpath_enabled()
    with mode():
        assert count_flops(lambda: layer(torch.zeros(1, 50, 64))) == 3_916_800
    assert torch.backends.mha.get_fastpath_enabled() == before


def test_the_fast_path_is_restored_after_an_error() -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(ZeroDivisionError):
        count_flops(lambda: 1 // 0)
    assert torch.backends.mha.get_fastpath_enabled() == before


def test_a_shared_parameter_counts_once() -> None:
    layer = nn.Linear(5, 5, bias=False)
    assert count_parameters(nn.Sequential(layer, nn.ReLU(), layer)) == 25


def test_a_backbone_at_its_input_size() -> None:
    """ResNet-18 as published: 1.814 GMAC, 11.69 M parameters; the last layer has 0.512 MMAC, 1000 x 513 parameters."""
    cost = backbone_cost(load_backbone(BackboneSpec("resnet18", "random")))
    assert cost.parameters == 11_689_512 - 1000 * 513
    assert cost.flops == 2 * (1_814_073_344 - 512_000)
    assert cost.size == (224, 224)
    assert str(cost) == "11 M parameters, 3.6 GFLOP a cell at 224 x 224"


def test_a_vision_transformers_attention_is_counted() -> None:
    """ViT-Ti/16: 12 blocks of width 192 on 197 tokens, and the patch embedding of 196 patches of 768 numbers."""
    cost = backbone_cost(load_backbone(BackboneSpec("vit_tiny_patch16_224", "random", pool="cls")))
    tokens, width = 197, 192
    block = tokens * width * width * (4 + 8) + 2 * tokens * tokens * width
    assert cost.flops == 2 * (12 * block + 196 * 768 * width)


def test_joined_poolings_run_the_trunk_once() -> None:
    single = backbone_cost(load_backbone(BackboneSpec("resnet10t", "random")))
    joined = backbone_cost(load_backbone(BackboneSpec("resnet10t", "random", pool="avg+max")))
    assert joined.parameters == single.parameters
    assert single.flops <= joined.flops < 1.1 * single.flops


def test_numbers_are_formatted_briefly() -> None:
    assert str(Cost(423_000, 118_000_000, (96, 64))) == "0.42 M parameters, 0.12 GFLOP a cell at 96 x 64"
    assert str(Cost(1_200_000_000, 122_400_000_000, (384, 384))) == "1200 M parameters, 122 GFLOP a cell at 384 x 384"
