from __future__ import annotations

import pytest
import torch

from extractors.networks.foundation.key_cleaning import dinov2_keys, transformers_keys, visual_keys


def tensors(*keys: str) -> dict[str, torch.Tensor]:
    return {key: torch.full((1,), float(number)) for number, key in enumerate(keys)}


def test_a_training_checkpoint_loses_its_prefix_its_heads_and_its_mask_token() -> None:
    state = tensors(
        *("backbone.cls_token", "backbone.mask_token", "backbone.blocks.0.norm1.weight"),
        *("dino_head.mlp.0.weight", "ibot_head.mlp.0.weight"),
    )
    cleaned = dinov2_keys(state)
    assert {key: float(value) for key, value in cleaned.items()} == {"cls_token": 0.0, "blocks.0.norm1.weight": 2.0}


def test_packed_layers_of_the_giant_are_renamed() -> None:
    cleaned = dinov2_keys(tensors("blocks.39.mlp.w12.weight", "blocks.39.mlp.w3.bias", "blocks.1.mlp.fc1.bias"))
    assert list(cleaned) == ["blocks.39.mlp.fc1.weight", "blocks.39.mlp.fc2.bias", "blocks.1.mlp.fc1.bias"]


def test_names_of_timm_are_unchanged() -> None:
    keys = ("cls_token", "pos_embed", "blocks.0.attn.qkv.weight", "dino_head.x", "norm.bias")
    assert list(dinov2_keys(tensors(*keys))) == list(keys)


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(KeyError, match="key cls_token is there twice"):
        dinov2_keys(tensors("cls_token", "backbone.cls_token"))
    with pytest.raises(KeyError, match=r"blocks\.0\.mlp\.fc1\.bias is there twice"):
        dinov2_keys(tensors("blocks.0.mlp.fc1.bias", "blocks.0.mlp.w12.bias"))


def test_keys_of_transformers_4_become_those_of_transformers_5() -> None:
    names = {
        "embeddings.cls_token": "embeddings.cls_token",
        "encoder.layer.3.attention.attention.query.weight": "layers.3.attention.q_proj.weight",
        "encoder.layer.3.attention.attention.key.bias": "layers.3.attention.k_proj.bias",
        "encoder.layer.3.attention.attention.value.bias": "layers.3.attention.v_proj.bias",
        "encoder.layer.3.attention.output.dense.bias": "layers.3.attention.o_proj.bias",
        "encoder.layer.3.intermediate.dense.bias": "layers.3.mlp.fc1.bias",
        "encoder.layer.3.output.dense.weight": "layers.3.mlp.fc2.weight",
        "encoder.layer.3.layernorm_before.weight": "layers.3.layernorm_before.weight",
        "layernorm.weight": "layernorm.weight",
    }
    assert list(transformers_keys(tensors(*names, "pooler.dense.weight"))) == list(names.values())


def test_only_the_image_encoder_of_a_clip_model_is_used() -> None:
    state = tensors("visual.trunk.cls_token", "visual.head.proj.weight", "text.transformer.x", "logit_scale")
    assert list(visual_keys(state)) == ["trunk.cls_token", "head.proj.weight"]
