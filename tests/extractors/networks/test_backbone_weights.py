"""Strict and safe loading of weights from a file, with errors that name file and key."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from extractors.networks.backbones.backbone import BackboneSpec, load_backbone

MODEL = "test_resnet"
"""A test network of timm with 0.5 million parameters."""


def state() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return dict(timm.create_model(MODEL).state_dict())


def saved(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, folder / f"{MODEL}.safetensors")
    return folder / f"{MODEL}.safetensors"


def load(folder: Path, model: str = MODEL, weights: str = "default", pool: str = "avg") -> Any:
    network: Any = load_backbone(BackboneSpec(model, weights, pool), folder).module.network
    return network


def test_every_tensor_is_loaded(tmp_path: Path) -> None:
    tensors = state()
    saved(tmp_path, tensors)
    loaded = load(tmp_path).state_dict()
    assert loaded.keys() == {key for key in tensors if not key.startswith("fc.")}
    assert all(torch.equal(loaded[key], tensors[key]) for key in loaded)


def test_the_head_may_be_missing(tmp_path: Path) -> None:
    saved(tmp_path, {key: value for key, value in state().items() if not key.startswith("fc.")})
    assert load_backbone(BackboneSpec(MODEL), tmp_path).width == timm.create_model(MODEL).num_features


def test_weights_with_other_key_names_are_converted(tmp_path: Path) -> None:
    tensors = timm.create_model("vit_tiny_patch16_224").state_dict()
    file = tmp_path / "clip.safetensors"
    save_file({f"visual.trunk.{key}": value for key, value in tensors.items()}, file)
    loaded = load(tmp_path, "vit_tiny_patch16_224", str(file), "cls").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in tensors.items() if not key.startswith("head"))


def test_converted_weights_are_loaded_strictly(tmp_path: Path) -> None:
    tensors = timm.create_model("vit_tiny_patch16_224").state_dict()
    del tensors["blocks.3.mlp.fc1.bias"]
    file = tmp_path / "clip.safetensors"
    save_file({f"visual.trunk.{key}": value for key, value in tensors.items()}, file)
    with pytest.raises(
        ValueError, match=r"clip\.safetensors: not the weights of vit_tiny_patch16_224: key \S+ is missing"
    ):
        load(tmp_path, "vit_tiny_patch16_224", str(file), "cls")


def test_only_the_second_head_of_inception_is_ignored(tmp_path: Path) -> None:
    """Its published file contains one; timm itself would then load non-strictly."""
    tensors = timm.create_model("inception_v3", aux_logits=True).state_dict()
    file = tmp_path / "inception_v3.safetensors"
    save_file(tensors, file)
    loaded = load(tmp_path, "inception_v3").state_dict()
    assert all(torch.equal(value, tensors[key]) for key, value in loaded.items())
    save_file({key: value for key, value in tensors.items() if key != "Mixed_5b.branch1x1.conv.weight"}, file)
    with pytest.raises(
        ValueError, match=r"inception_v3\.safetensors: .* key Mixed_5b\.branch1x1\.conv\.weight is missing"
    ):
        load(tmp_path, "inception_v3")


def test_weights_of_another_architecture_raise(tmp_path: Path) -> None:
    file = saved(tmp_path, state())
    with pytest.raises(ValueError, match=rf"{MODEL}\.safetensors: not the weights of test_vit: key \S+ is missing"):
        load(tmp_path, "test_vit", str(file), "cls")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.0.conv1.weight": None}, r"key layer1\.0\.conv1\.weight is missing"),
        ({"layer9.weight": torch.zeros(3)}, r"key layer9\.weight is not in the network"),
        ({"layer1.0.bn1.bias": torch.zeros(7)}, r"key layer1\.0\.bn1\.bias has shape \(7,\), expected \(32,\)"),
        ({"layer1.0.bn1.bias": torch.full((32,), float("nan"))}, r"key layer1\.0\.bn1\.bias contains NaN or infinity"),
        (
            {"layer1.0.bn1.running_var": torch.full((32,), float("inf"))},
            r"key layer1\.0\.bn1\.running_var contains NaN",
        ),
        (
            {"layer1.0.bn1.bias": torch.zeros(32, dtype=torch.int8)},
            r"key layer1\.0\.bn1\.bias has type int8, expected float32",
        ),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, change: dict[str, torch.Tensor | None], message: str) -> None:
    file = saved(tmp_path, {key: value for key, value in (state() | change).items() if value is not None})
    with pytest.raises(ValueError, match=rf"{file}: not the weights of {MODEL}: {message}"):
        load(tmp_path)


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _claiming_gigabytes(content: bytes) -> bytes:
    return struct.pack("<Q", 2**40) + content[8:]


def _claiming_a_huge_tensor(_content: bytes) -> bytes:
    header = b'{"conv1.0.weight":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    return struct.pack("<Q", len(header)) + header


def _pickled(_content: bytes) -> bytes:
    return pickle.dumps({"conv1.0.weight": [0.0]})


@pytest.mark.parametrize("damage", [_truncated, _claiming_gigabytes, _claiming_a_huge_tensor, _pickled])
def test_a_damaged_file_raises(tmp_path: Path, damage: Any) -> None:
    file = saved(tmp_path, state())
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=rf"{file}: not a complete safetensors file \(.+\); download it again"):
        load(tmp_path)


def test_published_weights_load_strictly(shared: Path) -> None:
    folder = shared / "weights"
    assert load_backbone(BackboneSpec("mobilenetv2_100"), folder).width == 1280
    assert load_backbone(BackboneSpec("squeezenet1_1"), folder).width == 512
    with pytest.raises(ValueError, match=r"squeezenet1_1\.safetensors: not the weights of mobilenetv2_100: key"):
        load_backbone(BackboneSpec("mobilenetv2_100", str(folder / "squeezenet1_1.safetensors")))
