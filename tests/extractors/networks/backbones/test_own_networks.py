"""Architectures of this project as backbones and embeddings: weights, pooling and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from extractors.cells import Cell
from extractors.embedding import Embedding
from extractors.networks.architectures.vgg16_eca import vgg16_eca_body
from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone
from extractors.networks.training.network import build_network
from extractors.networks.training.network_spec import NetworkSpec
from extractors.networks.weights.licences import weights_licence


def cells(n: int) -> list[Cell]:
    pixels = np.random.default_rng(0).integers(1, 256, (n, 48, 40, 3), dtype=np.uint8)
    return [Cell(f"cell {index}", image) for index, image in enumerate(pixels)]


def features(backbone: Backbone) -> torch.Tensor:
    images = np.stack([backbone.transform(cell) for cell in cells(2)])
    with torch.inference_mode():
        return torch.as_tensor(backbone.module(torch.from_numpy(images)))


@pytest.mark.parametrize(
    ("name", "size", "width"),
    [("small", 16, 128), ("unnithan", 16, 64), ("allnet", 16, 256), ("rezayi", 32, 256), ("dct_lstm", 64, 128)],
)
def test_an_own_architecture_is_an_extractor(name: str, size: int, width: int) -> None:
    rows = Embedding(name, weights="random", size=size, engine="torch").transform(cells(2))
    assert rows.shape == (2, width)
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("name", ["small", "dct_lstm"])
def test_the_automatic_engine_gives_the_features_of_torch(name: str) -> None:
    rows = [
        Embedding(name, weights="random", size=64, engine=engine).transform(cells(2)) for engine in ("auto", "torch")
    ]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-3, atol=1e-4)


def test_missing_weights_name_the_remedy() -> None:
    with pytest.raises(FileNotFoundError, match=r"(?s)the hub: cytobench publishes no weights of unnithan.*"
                                                "untrained weights with weights=random"):  # fmt: skip
        load_backbone(BackboneSpec("unnithan"))


def test_a_trained_network_loads_strictly_as_a_backbone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    trained = build_network(NetworkSpec("small", size=32), 2).module.eval()
    save_file(trained.state_dict(), tmp_path / "small.safetensors")
    backbone = load_backbone(BackboneSpec("small", size=32), tmp_path)
    images = np.stack([backbone.transform(cell) for cell in cells(2)])
    with torch.inference_mode():
        expected = trained.body(torch.from_numpy(images).permute(0, 3, 1, 2) / 255)
    torch.testing.assert_close(features(backbone), expected)
    again = build_network(NetworkSpec("small", size=32), 3, weights_dir=tmp_path)
    assert again.file is None  # default weights of an unpublished architecture are random in training
    again = build_network(NetworkSpec("small", str(tmp_path / "small.safetensors"), size=32), 3)
    assert torch.equal(again.module.state_dict()["body.trunk.0.weight"], trained.state_dict()["body.trunk.0.weight"])


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    state = build_network(NetworkSpec("unnithan", size=16), 2).module.state_dict()
    save_file(state, tmp_path / "small.safetensors")
    with pytest.raises(ValueError, match=r"small\.safetensors: not the weights of small: key body\.trunk\."):
        load_backbone(BackboneSpec("small"), tmp_path)


def test_vgg16_eca_takes_the_convolutions_of_vgg16(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = vgg16_eca_body().trunk
    convolutions = {f"features.{key}": value for key, value in plain.state_dict().items() if "eca" not in key}
    save_file(convolutions | {"head.fc.bias": torch.zeros(3)}, tmp_path / "vgg16.tv_in1k.safetensors")
    backbone = load_backbone(BackboneSpec("vgg16_eca", size=32), tmp_path)
    assert backbone.file == tmp_path / "vgg16.tv_in1k.safetensors"
    state = backbone.module.state_dict()
    for key, value in convolutions.items():
        assert torch.equal(state[f"network.body.trunk.{key.removeprefix('features.')}"], value)
    assert backbone.transform.mean == (0.485, 0.456, 0.406)
    assert weights_licence("vgg16_eca.tv_in1k") == weights_licence("vgg16.tv_in1k") != "unknown"


def test_cnn_rnn_takes_the_convolutions_of_alexnet(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = torchvision.models.AlexNet(num_classes=2).state_dict()
    save_file({key: value for key, value in state.items() if "classifier" not in key}, tmp_path / "alexnet.safetensors")
    loaded = build_network(NetworkSpec("cnn_rnn", size=64), 2, weights_dir=tmp_path)
    assert loaded.file == tmp_path / "alexnet.safetensors"
    assert torch.equal(loaded.module.state_dict()["body.trunk.10.weight"], state["features.10.weight"])


def test_poolings_of_the_last_map() -> None:
    body = load_backbone(BackboneSpec("unnithan", "random", size=32)).module.get_submodule("network.body.trunk")
    backbone = load_backbone(BackboneSpec("unnithan", "random", size=32, pool="max+avg"))
    images = torch.from_numpy(np.stack([backbone.transform(cell) for cell in cells(2)])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        maps = body(images)
    torch.testing.assert_close(features(backbone), torch.cat([maps.amax(dim=(2, 3)), maps.mean(dim=(2, 3))], dim=1))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("unnithan", {"size": 15}, "unnithan rejects images of 15 x 15 pixels; it takes 16 or more"),
        ("dct_lstm", {"size": 63}, "dct_lstm rejects images of 63 x 63 pixels; it takes 64 or more"),
        ("small", {"layer": 1}, "layer=1: small has no feature stages; use layer=last"),
        ("small", {"pool": "cls"}, "small cannot be pooled by cls: it has no class token"),
        ("dct_lstm", {"pool": "avg"}, "dct_lstm has no last feature map to pool"),
    ],
)
def test_an_unsupported_option_raises(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_backbone(BackboneSpec(name, "random", **parameters))  # type: ignore[arg-type]
