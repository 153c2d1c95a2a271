from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import SwiGLUPacked
from torch.nn.functional import silu

from extractors.networks.backbones import foundation_networks
from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone
from extractors.networks.foundation.catalogue import FOUNDATION
from extractors.networks.training.network import build_network
from extractors.networks.training.network_spec import NetworkSpec

SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3}
State = dict[str, torch.Tensor]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shrink the networks of timm to two narrow blocks."""
    for name, model in list(FOUNDATION.items()):
        if model.package == "timm":
            monkeypatch.setitem(FOUNDATION, name, replace(model, options={**model.options, **SMALL}))


def random_state(architecture: str, side: int = 224, **options: Any) -> State:
    torch.manual_seed(1)
    network = timm.create_model(architecture, num_classes=0, **{"img_size": side, **SMALL, **options})
    return {key: torch.randn_like(value) * 0.1 for key, value in network.state_dict().items()}


def of_torch_hub(state: State) -> State:
    """Names of the authors' code; its mask token is not in timm."""
    names = {"mlp.fc1": "mlp.w12", "mlp.fc2": "mlp.w3"} if is_packed(state) else {}
    renamed = {}
    for key, value in state.items():
        for ours, theirs in names.items():
            key = key.replace(ours, theirs)  # noqa: PLW2901
        renamed[key] = value
    return {"mask_token": torch.zeros(1, SMALL["embed_dim"]), **renamed}


def is_packed(state: State) -> bool:
    return state["blocks.0.mlp.fc1.weight"].shape[0] != state["blocks.0.mlp.fc2.weight"].shape[1]


def of_checkpoint(state: State) -> dict[str, State]:
    own = {f"backbone.{key}": value for key, value in of_torch_hub(state).items()}
    heads = {"dino_head.mlp.0.weight": torch.zeros(3, 3), "ibot_head.last_layer.weight_v": torch.zeros(3)}
    return {"teacher": own | heads}


def write(layout: str, state: State, folder: Path, name: str) -> None:
    if layout == "timm":
        save_file(state, folder / f"{name}.safetensors")
    elif layout == "torch.hub":
        torch.save(of_torch_hub(state), folder / f"{name}.bin")
    else:
        torch.save(of_checkpoint(state), folder / f"{name}.pth")


def images(side: int = 224) -> torch.Tensor:
    pixels = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    return torch.from_numpy(pixels)


def class_token(state: State, architecture: str, **options: Any) -> torch.Tensor:
    """The class token that timm computes of the test image with these weights."""
    network = timm.create_model(architecture, num_classes=0, **{"img_size": 224, **SMALL, **options}).eval()
    network.load_state_dict(state)
    scaled = images().permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in FOUNDATION["dinobloom_s"].statistics)
    with torch.no_grad():
        token: torch.Tensor = network.forward_features((scaled - mean) / std)[:, 0]
    return token


def features(backbone: Backbone, side: int = 224) -> torch.Tensor:
    with torch.no_grad():
        values: torch.Tensor = backbone.module(images(side))
    return values


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("layout", ["timm", "torch.hub", "checkpoint"])
@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("dinobloom_s", "vit_small_patch14_dinov2"),
        ("dinobloom_g", "vit_giant_patch14_dinov2"),
        ("dinov2_b", "vit_base_patch14_dinov2"),
    ],
)
def test_every_published_layout_gives_the_class_token(
    name: str, architecture: str, layout: str, tmp_path: Path
) -> None:
    state = random_state(architecture)
    write(layout, state, tmp_path, name)
    backbone = load_backbone(BackboneSpec(name), tmp_path)
    assert torch.equal(features(backbone), class_token(state, architecture))
    assert backbone.width == SMALL["embed_dim"]


def test_the_packed_layers_of_the_giant_compute_what_the_authors_code_does() -> None:
    torch.manual_seed(0)
    layer = SwiGLUPacked(12, 64)
    x = torch.randn(5, 12)
    gate, value = torch.nn.functional.linear(x, layer.fc1.weight, layer.fc1.bias).chunk(2, dim=-1)
    expected = torch.nn.functional.linear(silu(gate) * value, layer.fc2.weight, layer.fc2.bias)
    assert torch.allclose(layer(x), expected, atol=1e-6)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("layout", ["timm", "torch.hub", "checkpoint"])
def test_a_missing_or_surplus_key_is_named(layout: str, tmp_path: Path) -> None:
    state = random_state("vit_small_patch14_dinov2")
    short = {key: value for key, value in state.items() if key != "blocks.1.ls1.gamma"}
    write(layout, short, tmp_path, "dinobloom_s")
    with pytest.raises(ValueError, match=r"not the weights of dinobloom_s: key blocks\.1\.ls1\.gamma is missing"):
        load_backbone(BackboneSpec("dinobloom_s"), tmp_path)
    write(layout, {**state, "reg_token": torch.zeros(1, 4, 48)}, tmp_path, "dinobloom_s")
    with pytest.raises(ValueError, match="key reg_token is not in the network"):
        load_backbone(BackboneSpec("dinobloom_s"), tmp_path)


@pytest.mark.usefixtures("small")
def test_position_embeddings_of_another_size_are_resampled_for_dinov2_only(tmp_path: Path) -> None:
    state = random_state("vit_small_patch14_dinov2", side=518)
    assert state["pos_embed"].shape[1] == 1 + 37 * 37
    for name in ("dinov2_s", "dinobloom_s"):
        write("torch.hub", state, tmp_path, name)
    backbone = load_backbone(BackboneSpec("dinov2_s"), tmp_path)
    expected = timm.layers.resample_abs_pos_embed(state["pos_embed"], [16, 16], [37, 37])
    assert torch.equal(features(backbone), class_token({**state, "pos_embed": expected}, "vit_small_patch14_dinov2"))
    with pytest.raises(ValueError, match=r"key pos_embed has shape \(1, 1370, 48\), expected \(1, 257, 48\)"):
        load_backbone(BackboneSpec("dinobloom_s"), tmp_path)


@pytest.mark.usefixtures("small")
def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    torch.save({"teacher": {"backbone.cls_token": Path("x")}}, tmp_path / "dinobloom_s.pth")
    with pytest.raises(ValueError, match=r"dinobloom_s\.pth: cannot be read safely"):
        load_backbone(BackboneSpec("dinobloom_s"), tmp_path)


@pytest.mark.usefixtures("small")
def test_a_file_can_be_named_by_its_path(tmp_path: Path) -> None:
    state = random_state("vit_small_patch14_dinov2")
    write("checkpoint", state, tmp_path, "my_own")
    backbone = load_backbone(BackboneSpec("dinov2_s", weights=str(tmp_path / "my_own.pth")))
    assert torch.equal(features(backbone), class_token(state, "vit_small_patch14_dinov2"))


@pytest.mark.usefixtures("small")
def test_virchow2_joins_the_class_token_and_the_mean_of_the_patches_without_registers(tmp_path: Path) -> None:
    options = {
        "reg_tokens": 4,
        "mlp_ratio": 5.3375,
        "init_values": 1e-5,
        "mlp_layer": SwiGLUPacked,
        "act_layer": "silu",
    }
    state = random_state("vit_huge_patch14_224", **options)
    save_file(state, tmp_path / "virchow2.safetensors")
    backbone = load_backbone(BackboneSpec("virchow2"), tmp_path)
    network = timm.create_model(
        "vit_huge_patch14_224", num_classes=0, global_pool="", **{"img_size": 224, **SMALL, **options}
    ).eval()
    network.load_state_dict(state)
    scaled = images().permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in FOUNDATION["virchow2"].statistics)
    with torch.no_grad():
        tokens = network((scaled - mean) / std)
    assert tokens.shape == (1, 1 + 4 + 256, 48)
    expected = torch.cat([tokens[:, 0], tokens[:, 5:].mean(dim=1)], dim=1)
    assert torch.allclose(features(backbone), expected, atol=1e-6)
    assert backbone.width == 2 * 48


@pytest.mark.parametrize("name", [name for name, model in FOUNDATION.items() if model.package == "timm"])
def test_the_full_network_has_the_published_width_and_number_of_parameters(name: str) -> None:
    # Published: file sizes of DinoBloom (4 bytes each), 681 M of UNI2-h, 632 M of Virchow2, 1.1 G of H-optimus-0.
    millions = {"s": 21.6, "b": 85.7, "l": 303.2, "g": 1135, "uni": 303, "uni2": 681, "virchow2": 632}
    with torch.device("meta"):
        network = foundation_networks.variant(name).build(num_classes=0)
        body = foundation_networks.pooled(network, name, pools=("default",), layer=None, size=None)
        shape = body(torch.zeros(1, 3, 224, 224)).shape
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert tuple(shape) == (1, FOUNDATION[name].width)
    assert count == pytest.approx(millions.get(name.rpartition("_")[2], 1135), rel=0.005)


@pytest.mark.parametrize(
    ("name", "resize", "interpolation"),
    [
        ("dinobloom_s", "exact", "bilinear"),
        ("reddino_s", "exact", "bicubic"),
        ("virchow2", "shorter", "bicubic"),
        ("h_optimus_0", "exact", "bicubic"),
    ],
)
@pytest.mark.usefixtures("small")
def test_the_transform_is_the_published_one(name: str, resize: str, interpolation: str) -> None:
    backbone = load_backbone(BackboneSpec(name, "random"))
    model, transform = FOUNDATION[name], backbone.transform
    assert (transform.size, transform.scaled) == ((224, 224), (224, 224))
    assert (transform.resize, transform.interpolation) == (resize, interpolation)
    assert (transform.mean, transform.std) == model.statistics


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("pool", "width"), [("cls", 48), ("avg", 48), ("avg+max", 96), ("flatten", 257 * 48)])
def test_other_poolings_apply(pool: str, width: int) -> None:
    assert load_backbone(BackboneSpec("dinobloom_s", "random", pool=pool)).width == width


@pytest.mark.usefixtures("small")
def test_another_size_resamples_the_position_embeddings(tmp_path: Path) -> None:
    save_file(random_state("vit_small_patch14_dinov2"), tmp_path / "dinobloom_s.safetensors")
    backbone = load_backbone(BackboneSpec("dinobloom_s", size=112), tmp_path)
    assert backbone.transform.size == (112, 112)
    assert features(backbone, 112).shape == (1, 48)
    with pytest.raises(
        ValueError, match="dinobloom_s rejects images of 100 x 100 pixels: its patches have sides of 14"
    ):
        load_backbone(BackboneSpec("dinobloom_s", size=100), tmp_path)


def of_transformers_4(state: State) -> State:
    """Names of a `ViTModel` before transformers 5, in which Phikon is published."""
    names = {
        ".attention.q_proj.": ".attention.attention.query.",
        ".attention.k_proj.": ".attention.attention.key.",
        ".attention.v_proj.": ".attention.attention.value.",
        ".attention.o_proj.": ".attention.output.dense.",
        ".mlp.fc1.": ".intermediate.dense.",
        ".mlp.fc2.": ".output.dense.",
    }
    renamed = {}
    for key, value in state.items():
        for ours, theirs in names.items():
            key = key.replace(ours, theirs)  # noqa: PLW2901
        renamed[key.replace("layers.", "encoder.layer.", 1) if key.startswith("layers.") else key] = value
    return renamed


@pytest.fixture
def tiny_phikon(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A vision transformer of transformers with two narrow blocks, as which Phikon is built."""
    transformers = pytest.importorskip("transformers")
    options = {"num_hidden_layers": 2, "hidden_size": 48, "num_attention_heads": 3, "intermediate_size": 96}
    monkeypatch.setitem(FOUNDATION, "phikon", replace(FOUNDATION["phikon"], options=options))
    return transformers.ViTModel(transformers.ViTConfig(**options), add_pooling_layer=False).eval()


@pytest.mark.parametrize("pool", ["default", "avg"])
def test_phikon_is_the_class_token_of_a_vit_of_transformers(pool: str, tiny_phikon: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = tiny_phikon
    state = {key: torch.randn_like(value) * 0.1 for key, value in network.state_dict().items()}
    network.load_state_dict(state)
    published = of_transformers_4(state) | {"pooler.dense.weight": torch.zeros(48, 48)}
    assert not set(published) & {key for key in state if "mlp" in key}
    save_file(published, tmp_path / "phikon.safetensors")
    backbone = load_backbone(BackboneSpec("phikon", pool=pool), tmp_path)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in FOUNDATION["phikon"].statistics)
    with torch.no_grad():
        tokens = network((images().permute(0, 3, 1, 2).float() / 255 - mean) / std).last_hidden_state
    expected = tokens[:, 0] if pool == "default" else tokens[:, 1:].mean(dim=1)
    assert torch.allclose(features(backbone), expected, atol=1e-6)


def test_phikon_is_loaded_strictly(tiny_phikon: Any, tmp_path: Path) -> None:
    state = of_transformers_4(tiny_phikon.state_dict())
    save_file({**state, "more": torch.zeros(1)}, tmp_path / "phikon.safetensors")
    with pytest.raises(ValueError, match="not the weights of phikon: key more is not in the network"):
        load_backbone(BackboneSpec("phikon"), tmp_path)
    del state["layernorm.bias"]
    save_file(state, tmp_path / "phikon.safetensors")
    with pytest.raises(ValueError, match=r"key layernorm\.bias is missing"):
        load_backbone(BackboneSpec("phikon"), tmp_path)


@pytest.mark.usefixtures("tiny_phikon")
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"pool": "max"}, "phikon cannot be pooled by max; it supports cls, avg, flatten"),
        ({"layer": 1}, "layer=1: phikon has no feature stages"),
        ({"size": 112}, "phikon rejects images of 112 x 112 pixels; it accepts 224 pixels only"),
    ],
)
def test_what_phikon_does_not_support_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        load_backbone(BackboneSpec("phikon", "random", **options))


def test_biomedclip_is_the_projected_feature_of_the_image_encoder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clip = pytest.importorskip("open_clip.timm_model")
    model = replace(FOUNDATION["biomedclip"], architecture="vit_tiny_patch16_224")
    monkeypatch.setitem(FOUNDATION, "biomedclip", model)
    torch.manual_seed(0)
    encoder = clip.TimmModel("vit_tiny_patch16_224", embed_dim=512, pool="", proj="linear").eval()
    state = {f"visual.{key}": value for key, value in encoder.state_dict().items()}
    text = {"text.proj.weight": torch.zeros(2), "logit_scale": torch.zeros(())}
    torch.save({**state, **text}, tmp_path / "biomedclip.bin")
    backbone = load_backbone(BackboneSpec("biomedclip"), tmp_path)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in model.statistics)
    with torch.no_grad():
        expected = encoder((images().permute(0, 3, 1, 2).float() / 255 - mean) / std)
    assert torch.allclose(features(backbone), expected, atol=1e-6)
    assert backbone.width == 512
    with pytest.raises(ValueError, match="biomedclip has its projected feature only: use pool=default"):
        load_backbone(BackboneSpec("biomedclip", "random", pool="avg"))


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    monkeypatch.setitem(sys.modules, "open_clip.timm_model", None)
    with pytest.raises(ValueError, match=r"open-clip-torch.*pip install 'cytobench\[open_clip\]'"):
        load_backbone(BackboneSpec("biomedclip", "random"))


@pytest.mark.usefixtures("small", "tiny_phikon")
@pytest.mark.parametrize("name", ["dinobloom_g", "uni2", "virchow2", "h_optimus_0", "phikon"])
def test_networks_can_be_trained(name: str) -> None:
    spec = NetworkSpec(name, weights="random", size=56 if name != "phikon" else "default")
    network = build_network(spec, 3)
    side = network.transform.size[0]
    logits = network.module(torch.zeros(2, 3, side, side))
    assert (logits.shape, network.width) == ((2, 3), 2 * 48 if name == "virchow2" else 48)
    assert len(network.groups) >= 2
    logits.sum().backward()
    unused = [key for key, value in network.module.named_parameters() if value.grad is None]
    assert unused == []


@pytest.mark.usefixtures("small")
def test_low_rank_adapters_apply() -> None:
    pytest.importorskip("peft")
    network = build_network(NetworkSpec("dinobloom_s", weights="random", size=56, lora=2), 2)
    trained = [key for key, value in network.module.body.named_parameters() if value.requires_grad]
    assert len(trained) == 2 * 2 * SMALL["depth"]  # A and B of qkv and proj in each block


@pytest.mark.usefixtures("small")
def test_a_head_that_pools_a_map_is_refused() -> None:
    with pytest.raises(ValueError, match="head=fastai pools a feature map, and dinobloom_s has none"):
        build_network(NetworkSpec("dinobloom_s", weights="random", head="fastai"), 2)
