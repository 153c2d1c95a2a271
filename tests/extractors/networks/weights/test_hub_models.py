from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extractors.files.digests import file_digest
from extractors.networks.weights.hub_models import config_file, read_config
from extractors.networks.weights.registry import is_model, without_tag
from extractors.networks.weights.resolve import config_digest, full_name, split_tag, weights_file

COMMIT = "0" * 40


@pytest.fixture(autouse=True)
def empty_hub_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))


def folder(path: Path, config: Any, **more: bytes) -> str:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    for name, content in more.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return f"local-dir:{path}"


def cached(tmp_path: Path, repository: str, config: Any, **more: bytes) -> None:
    """Put a repository into the Hugging Face cache."""
    place = tmp_path / "hf" / f"models--{repository.replace('/', '--')}"
    folder(place / "snapshots" / COMMIT, config, **more)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)


def test_a_configuration_of_timm_is_read(tmp_path: Path) -> None:
    config = {
        "architecture": "vit_small_patch14_dinov2",
        "num_classes": 0,
        "global_pool": "token",
        "model_args": {"img_size": 224, "init_values": 1e-5, "dynamic_img_size": True},
        "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "input_size": [3, 224, 224], "license": "mit", "tag": "x"},
    }
    model, sha256 = read_config(folder(tmp_path / "net", config))
    assert model.architecture == "vit_small_patch14_dinov2"
    assert model.options == {"img_size": 224, "init_values": 1e-5, "dynamic_img_size": True, "global_pool": "token"}
    assert model.config == {"mean": (0.5, 0.5, 0.5), "input_size": (3, 224, 224), "num_classes": 0}
    assert model.licence == "mit"
    assert sha256 == file_digest(tmp_path / "net" / "config.json")


def test_fields_beside_the_architecture_are_read_as_well(tmp_path: Path) -> None:
    model, _ = read_config(folder(tmp_path, {"architecture": "resnet18", "std": [0.1, 0.2, 0.3]}))
    assert model.config == {"std": (0.1, 0.2, 0.3)}


def test_places_of_files_are_ignored(tmp_path: Path) -> None:
    values = {"file": "/etc/passwd", "url": "http://x", "hf_hub_id": "a/b", "custom_load": True, "source": "url"}
    model, _ = read_config(folder(tmp_path, {"architecture": "resnet18", "pretrained_cfg": values}))
    assert model.config == {}


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an object"),
        ({"model_type": "vit"}, "names no architecture of timm"),
        ({"architecture": "../x"}, "names no architecture of timm"),
        ({"architecture": "resnet18", "mean": [0.1, 0.2]}, r"mean\.2: Field required"),
        ({"architecture": "resnet18", "mean": [float("nan")] * 3}, r"mean\.0: Input should be a finite number"),
        ({"architecture": "resnet18", "std": [0, 1, 1]}, r"std\.0: Input should be greater than 0"),
        ({"architecture": "resnet18", "input_size": [3, 10**6, 224]}, r"input_size\.1: .* less than or equal to 4096"),
        ({"architecture": "resnet18", "input_size": [4, 224, 224]}, r"input_size\.0: Input should be 3"),
        ({"architecture": "x", "model_args": {"checkpoint_path": "/x.pth"}}, "checkpoint_path is not an option"),
        ({"architecture": "x", "model_args": {"pretrained_cfg": "x"}}, "pretrained_cfg is not an option"),
        ({"architecture": "x", "model_args": {"__class__": "x"}}, "__class__ is not an option"),
        ({"architecture": "x", "model_args": {"embed_dim": 10**9}}, "embed_dim is 1000000000; at most 8192"),
        ({"architecture": "x", "model_args": {"depth": 5000}}, "depth is 5000; at most 256"),
        ({"architecture": "x", "model_args": {"in_chans": 1}}, "in_chans is 1; only RGB"),
        ({"architecture": "x", "model_args": {"act_layer": {"a": 1}}}, "act_layer is neither a number nor a word"),
        ({"architecture": "x", "model_args": {"layers": [[1]]}}, "layers is not a short list"),
        ({"architecture": "x", "model_args": []}, None),
        ({"architecture": "x", "model_args": [1]}, "model_args is not an object"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(config: Any, complaint: str | None, tmp_path: Path) -> None:
    name = folder(tmp_path, config)
    if complaint is None:
        assert read_config(name)[0].options == {}
        return
    with pytest.raises(ValueError, match=rf"{tmp_path / 'config.json'}: .*{complaint}"):
        read_config(name)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    name = folder(tmp_path, "{}")
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OSError, match="at most 4194304 are read"):
        read_config(name)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    name = folder(tmp_path, {"architecture": "resnet18"})
    digest = config_digest(name)
    folder(tmp_path, {"architecture": "resnet34"})
    with pytest.raises(ValueError, match="changed since it was scanned"):
        read_config(name, sha256=digest)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_link_out_of_the_folder_is_refused(file: str, tmp_path: Path) -> None:
    name = folder(tmp_path / "net", {"architecture": "resnet18"}, model__safetensors=b"x")
    (tmp_path / "outside").write_bytes(b"{}")
    (tmp_path / "net" / file).unlink()
    (tmp_path / "net" / file).symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="a link out of the folder"):
        read_config(name) if file == "config.json" else weights_file(name)


def test_the_weights_of_a_folder(tmp_path: Path) -> None:
    name = folder(tmp_path, {"architecture": "resnet18"}, pytorch_model__bin=b"x")
    assert weights_file(name) == tmp_path / "pytorch_model.bin"
    folder(tmp_path, {"architecture": "resnet18"}, model__safetensors=b"x")
    assert weights_file(name) == tmp_path / "model.safetensors"
    assert weights_file(name, "random") is None
    with pytest.raises(FileNotFoundError, match=r"no file config\.json in this folder"):
        config_file(f"local-dir:{tmp_path / 'none'}")


def test_a_repository_in_the_cache_is_used(tmp_path: Path) -> None:
    cached(tmp_path, "owner/net.v1", {"architecture": "resnet18"}, model__safetensors=b"x")
    assert read_config("hf-hub:owner/net.v1")[0].architecture == "resnet18"
    file = weights_file("hf-hub:owner/net.v1")
    assert file is not None
    assert file.name == "model.safetensors"
    assert full_name("hf-hub:owner/net.v1") == "hf-hub:owner/net.v1"
    assert config_digest("hf-hub:owner/net.v1") == file_digest(config_file("hf-hub:owner/net.v1"))


def test_a_missing_repository_states_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        weights_file("hf-hub:owner/net", weights_dir=tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "no weights for hf-hub:owner/net (default). Tried:"
    assert lines[1] == f"  - Hugging Face cache ({tmp_path / 'hf'}): no weights of owner/net"
    assert lines[2] == "  - the hub: no request, HF_HUB_OFFLINE is set"
    assert "copy config.json and the weights into a folder and name it local-dir:FOLDER" in lines[3]
    with pytest.raises(FileNotFoundError, match=r"no config\.json of hf-hub:owner/net"):
        read_config("hf-hub:owner/net")


def test_a_gated_repository_states_how_to_request_access() -> None:
    with pytest.raises(FileNotFoundError, match=r"uni2 is gated: .*log in at https://huggingface.co/MahmoodLab/UNI2-h"):
        weights_file("hf-hub:MahmoodLab/UNI2-h")


@pytest.mark.parametrize("name", ["hf-hub:owner", "hf-hub:/a/b", "hf-hub:a/b/c", "hf-hub:a/..", "hf-hub:../a"])
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected hf-hub:OWNER/NAME"):
        weights_file(name)


def test_a_repository_has_no_tags() -> None:
    assert is_model("hf-hub:a/b.c")
    assert without_tag("hf-hub:a/b.c") == "hf-hub:a/b.c"
    assert split_tag("hf-hub:a/b.c", "default") == ("hf-hub:a/b.c", "default")
    with pytest.raises(ValueError, match="has no weights 'x'"):
        split_tag("hf-hub:a/b", "x")


def test_other_networks_have_no_configuration() -> None:
    assert config_digest("resnet18+dinobloom_s") is None
