from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torchvision
from torchvision.models import list_models

from extractors.networks.architectures.catalogue import ARCHITECTURES
from extractors.networks.foundation.catalogue import FOUNDATION
from extractors.networks.weights import registry
from extractors.networks.weights.registry import model_entry, model_names


def test_names_are_those_of_timm_torchvision_own_architectures_and_foundation_models() -> None:
    names = model_names()
    published = set(timm.list_models()) | set(list_models(module=torchvision.models))
    assert names == sorted(published | set(ARCHITECTURES) | set(FOUNDATION))
    assert not published & set(ARCHITECTURES)
    assert {model_entry(name).library for name in ARCHITECTURES} == {"cytobench"}
    assert {model_entry(name).library for name in ("resnet50", "vgg16", "densenet121")} == {"timm"}
    assert {model_entry(name).library for name in ("alexnet", "squeezenet1_1")} == {"torchvision"}


def test_an_entry_has_the_sources_of_its_weights() -> None:
    entry = model_entry("resnet50")
    assert entry.default_tag == "a1_in1k"
    assert entry.tags["a1h_in1k"].hub_id == "timm/resnet50.a1h_in1k"
    alexnet = model_entry("alexnet")
    assert alexnet.default_tag == "IMAGENET1K_V1"
    assert alexnet.tags["IMAGENET1K_V1"].url == "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"


def test_an_architecture_has_the_weights_of_its_trunk() -> None:
    assert model_entry("unnithan").tags == {}
    for name, trunk in (("vgg16_eca", "vgg16"), ("cnn_rnn", "alexnet"), ("joined", "inception_resnet_v2")):
        own, published = model_entry(name), model_entry(trunk)
        assert (own.tags, own.default_tag, own.trunk) == (published.tags, published.default_tag, trunk)


def test_a_tag_without_a_source_is_omitted() -> None:
    assert model_entry("botnet50ts_256").tags == {}
    assert model_entry("botnet50ts_256").default_tag is None


def test_an_unknown_model_raises_with_similar_names() -> None:
    with pytest.raises(
        ValueError, match=r"no timm or torchvision model 'efficientnetb0'\. Did you mean efficientnet_b0"
    ):
        model_entry("efficientnetb0")


def test_the_second_call_imports_neither_library() -> None:
    model_names()
    code = (
        "import sys; from extractors.networks.weights.registry import model_names; "
        "print(len(model_names()), [m for m in ('torch', 'timm', 'torchvision', 'sklearn') if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert answer.stdout.split(maxsplit=1) == [str(len(model_names())), "[]\n"]


def test_a_damaged_cache_is_rebuilt(tmp_path: Path) -> None:
    registry._entries(tmp_path)
    (file,) = (tmp_path / "models").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    registry._entries.cache_clear()
    assert "resnet50" in registry._entries(tmp_path)
    assert file.read_bytes() == content
    assert [path.name for path in file.parent.iterdir()] == [file.name]
