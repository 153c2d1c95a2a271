from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

from extractors.networks.backbones.backbone import BackboneSpec, load_backbone
from extractors.networks.inference.select_engine import open_engine
from extractors.networks.weights.hub_models import FORBIDDEN_OPTIONS
from extractors.networks.weights.resolve import config_digest

TINY = {"img_size": 56, "depth": 2, "embed_dim": 48, "num_heads": 3}


def saved(folder: Path, architecture: str = "vit_small_patch14_dinov2", **options: Any) -> str:
    """A folder as timm itself writes it."""
    torch.manual_seed(0)
    network = timm.create_model(
        architecture, num_classes=5, pretrained_cfg_overlay={"mean": (0.4, 0.5, 0.6), "crop_pct": 1.0}, **options
    )
    save_for_hf(network, str(folder), model_args=options or None, safe_serialization=True)
    return f"local-dir:{folder}"


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def images(side: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("architecture", "options", "side"), [("vit_small_patch14_dinov2", TINY, 56), ("resnet10t", {}, 176)]
)
def test_features_are_those_of_timm(architecture: str, options: dict[str, Any], side: int, tmp_path: Path) -> None:
    name = saved(tmp_path, architecture, **options)
    backbone = load_backbone(BackboneSpec(name))
    network = timm.create_model(name, pretrained=True, num_classes=0).eval()
    config = timm.data.resolve_model_data_config(network)
    assert backbone.transform.size == tuple(config["input_size"][1:]) == (side, side)
    assert backbone.transform.mean == tuple(config["mean"]) == (0.4, 0.5, 0.6)
    mean, std = (torch.tensor(config[part]).view(1, 3, 1, 1) for part in ("mean", "std"))
    with torch.no_grad():
        expected = network((images(side).permute(0, 3, 1, 2) / 255 - mean) / std)
        assert torch.allclose(backbone.module(images(side)), expected, atol=1e-6)


def test_random_weights_need_the_configuration_only(tmp_path: Path) -> None:
    name = saved(tmp_path, **TINY)
    (tmp_path / "model.safetensors").unlink()
    assert load_backbone(BackboneSpec(name, "random")).width == 48


def test_a_missing_or_surplus_tensor_is_named(tmp_path: Path) -> None:
    name = saved(tmp_path, **TINY)
    state = load_file(tmp_path / "model.safetensors")
    save_file({**state, "more": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors: not the weights of .*: key more is not in the network"):
        load_backbone(BackboneSpec(name))
    del state["norm.weight"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"key norm\.weight is missing"):
        load_backbone(BackboneSpec(name))


def test_an_architecture_that_timm_lacks_is_refused(tmp_path: Path) -> None:
    name = saved(tmp_path, **TINY)
    edit(tmp_path, architecture="os_system")
    with pytest.raises(ValueError, match="timm knows no architecture os_system"):
        load_backbone(BackboneSpec(name))


def test_an_option_that_the_architecture_lacks_is_refused(tmp_path: Path) -> None:
    name = saved(tmp_path, **TINY)
    edit(tmp_path, model_args={"colour": 3})
    with pytest.raises(ValueError, match=r"timm cannot build vit_small_patch14_dinov2 by its config\.json"):
        load_backbone(BackboneSpec(name))


def test_more_parameters_than_the_file_can_have_are_refused_without_memory(tmp_path: Path) -> None:
    name = saved(tmp_path, **TINY)
    edit(tmp_path, model_args={"img_size": 56, "depth": 4, "embed_dim": 8192, "num_heads": 8})
    with pytest.raises(ValueError, match=r"its config\.json describes 32\d{8} parameters, more than its weights"):
        load_backbone(BackboneSpec(name))


def test_parameters_of_the_factory_of_timm_are_no_options() -> None:
    named = {name for name in inspect.signature(timm.create_model).parameters if not name.startswith("pretrained")}
    assert named - {"kwargs"} <= FORBIDDEN_OPTIONS


def test_a_changed_configuration_is_another_network(tmp_path: Path) -> None:
    name = saved(tmp_path, **TINY)
    spec, digest = BackboneSpec(name), config_digest(name)
    first = open_engine(spec, device="cpu")
    assert (first.config_sha256, first.transform.mean) == (digest, (0.4, 0.5, 0.6))
    config = json.loads((tmp_path / "config.json").read_text())
    edit(tmp_path, pretrained_cfg={**config["pretrained_cfg"], "mean": [0.1, 0.1, 0.1]})
    second = open_engine(spec, device="cpu")
    assert second.config_sha256 != digest
    assert second.transform.mean == (0.1, 0.1, 0.1)
    with pytest.raises(ValueError, match=r"its config\.json changed since it was scanned"):
        load_backbone(BackboneSpec(name, config=digest))
