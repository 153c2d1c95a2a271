from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from extractors.networks.weights.resolve import full_name, split_tag, weights_file


@pytest.fixture(autouse=True)
def empty_hub_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))


def put(folder: Path, *names: str) -> list[Path]:
    files = [folder / name for name in names]
    for file in files:
        file.write_bytes(b"x")
    return files


def test_the_file_without_a_tag_takes_precedence(tmp_path: Path) -> None:
    tagged, plain = put(tmp_path, "resnet50.a1_in1k.safetensors", "resnet50.safetensors")
    assert weights_file("resnet50", "default", tmp_path) == plain
    plain.unlink()
    assert weights_file("resnet50", "default", tmp_path) == tagged


def test_a_tag_uses_its_own_file_only(tmp_path: Path) -> None:
    other, own = put(tmp_path, "resnet50.safetensors", "resnet50.mine.safetensors")
    assert weights_file("resnet50", "mine", tmp_path) == own
    assert weights_file("resnet50.mine", "default", tmp_path) == own
    own.unlink()
    with pytest.raises(ValueError, match="resnet50 has no weights 'mine'"):
        weights_file("resnet50", "mine", tmp_path)
    assert other.exists()


def test_a_path_is_used_directly(tmp_path: Path) -> None:
    (file,) = put(tmp_path, "any.safetensors")
    assert weights_file("resnet50", str(file)) == file
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors: no such file"):
        weights_file("resnet50", str(tmp_path / "none.safetensors"))


def test_random_weights_have_no_file(tmp_path: Path) -> None:
    put(tmp_path, "resnet50.safetensors")
    assert weights_file("resnet50", "random", tmp_path) is None


def test_missing_weights_raise_with_the_attempts_and_solutions(tmp_path: Path) -> None:
    put(tmp_path, "resnet50.a2_in1k.safetensors")
    with pytest.raises(FileNotFoundError) as caught:
        weights_file("resnet50", "default", tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "no weights for resnet50 (default, which is a1_in1k). Tried:"
    assert lines[1:6] == [
        f"  - --weights-dir: no file {tmp_path / 'resnet50.safetensors'}",
        f"  - --weights-dir: no file {tmp_path / 'resnet50.a1_in1k.safetensors'}",
        f"  - Hugging Face cache ({tmp_path / 'hf'}): no weights of timm/resnet50.a1_in1k",
        f"  - torch hub cache: no file {tmp_path / 'torch/hub/checkpoints/resnet50_a1_0-14fe96d1.pth'}",
        "  - the hub: no request, HF_HUB_OFFLINE is set",
    ]
    assert "resnet50.a2_in1k.safetensors: select it by its tag" in lines[6]
    assert "a file named resnet50.safetensors" in lines[7]
    assert lines[7].endswith("untrained weights with weights=random.")


def test_a_model_without_published_weights_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="timm publishes no weights of botnet50ts_256"):
        weights_file("botnet50ts_256")


def test_unknown_names_raise_with_similar_names() -> None:
    with pytest.raises(ValueError, match=r"Did you mean .*mobilenetv2_100"):
        weights_file("mobilenetv2_10")
    with pytest.raises(ValueError, match=r"resnet50 has no weights 'a1h_in1' \(.*a1h_in1k"):
        weights_file("resnet50", "a1h_in1")


def test_contradicting_tags_raise() -> None:
    assert split_tag("resnet50.a1_in1k", "a1_in1k") == ("resnet50", "a1_in1k")
    with pytest.raises(ValueError, match="contradicts"):
        split_tag("resnet50.a1_in1k", "random")


def test_resolving_imports_no_torch(tmp_path: Path) -> None:
    put(tmp_path, "resnet50.a1_in1k.safetensors")
    weights_file("resnet50", "default", tmp_path)
    code = (
        "import sys; from extractors.networks.weights.resolve import weights_file; "
        f"print(weights_file('resnet50', 'default', {str(tmp_path)!r}).name, 'torch' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert answer.stdout == "resnet50.a1_in1k.safetensors False\n"


@pytest.mark.parametrize(
    ("model", "weights", "full"),
    [
        ("efficientnet_b0", "default", "efficientnet_b0.ra_in1k"),
        ("efficientnet_b0.ra4_e3600_r224_in1k", "default", "efficientnet_b0.ra4_e3600_r224_in1k"),
        ("resnet50", "a2_in1k", "resnet50.a2_in1k"),
        ("resnet50", "random", "resnet50.a1_in1k"),
        ("resnet50", "mine/any.safetensors", "resnet50.a1_in1k"),
        ("alexnet", "default", "alexnet.IMAGENET1K_V1"),
        ("botnet50ts_256", "random", "botnet50ts_256"),
    ],
)
def test_the_full_name_has_the_tag_of_the_image_transform(model: str, weights: str, full: str) -> None:
    assert full_name(model, weights) == full


def test_the_full_name_of_an_unknown_model_raises() -> None:
    with pytest.raises(ValueError, match=r"Did you mean .*mobilenetv2_100"):
        full_name("mobilenetv2_10")


@pytest.mark.parametrize("weights", ["default", "path"])
def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, weights: str) -> None:
    file = tmp_path / "resnet50.safetensors"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ValueError, match=rf"^{file}: {2**40} bytes; at most {8 * 2**30} are read"):
        weights_file("resnet50", str(file) if weights == "path" else weights, tmp_path)


@pytest.mark.parametrize("weights", ["default", "path"])
def test_a_pipe_is_no_file_of_weights(tmp_path: Path, weights: str) -> None:
    file = tmp_path / "resnet50.safetensors"
    os.mkfifo(file)
    with pytest.raises(FileNotFoundError, match="no such file" if weights == "path" else "--weights-dir: no file"):
        weights_file("resnet50", str(file) if weights == "path" else weights, tmp_path)
