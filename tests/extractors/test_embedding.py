from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.utils import get_tags
from timm.data import create_transform, resolve_model_data_config

from extractors.cells import Cell, CellFile, Cells
from extractors.embedding import Embedding
from extractors.networks import devices
from extractors.networks.foundation import packages
from extractors.networks.inference.engine import InputImage, Row
from extractors.networks.inference.openvino_engine import OpenVINOEngine
from extractors.networks.inference.openvino_runtime import has_native_bf16

SMALL = "mobilenetv3_small_050"


def cells(n: int, *, side: int = 40) -> list[Cell]:
    rng = np.random.default_rng(0)
    return [Cell(f"c{i}", rng.integers(0, 256, (side, side + i, 3), dtype=np.uint8)) for i in range(n)]


def embedding(**parameters: Any) -> Embedding:
    return Embedding(SMALL, weights="random", **parameters)


def test_it_is_a_stateless_transformer() -> None:
    extractor = embedding()
    assert get_tags(extractor).requires_fit is False
    assert extractor.fit(cells(1)) is extractor
    features = extractor.transform(cells(3))
    assert (features.shape, features.dtype) == ((3, 1024), np.float32)
    names = extractor.get_feature_names_out()
    assert (names[0], names[-1], len(names)) == (f"{SMALL}_0000", f"{SMALL}_1023", 1024)
    assert extractor.transform([]).shape == (0, 1024)


def test_features_depend_on_the_cell_alone() -> None:
    many = cells(40)
    extractor = embedding()
    features = extractor.transform(many)
    assert np.array_equal(features, extractor.transform(many))
    shards = [clone(extractor).transform(many[start : start + 17]) for start in (34, 17, 0)]
    assert np.array_equal(features, np.concatenate(shards[::-1]))
    assert np.array_equal(features[:16], pickle.loads(pickle.dumps(extractor)).transform(many[:16]))  # noqa: S301 - ours
    assert np.array_equal(features, embedding(threads=2).transform(many))
    assert np.array_equal(features[:3], np.concatenate([extractor.transform(many[i : i + 1]) for i in range(3)]))


def test_engines_give_the_same_features() -> None:
    many = cells(5)
    first, other = (embedding(engine=engine).transform(many) for engine in ("openvino", "torch"))
    assert 0 < np.abs(first - other).max() < 1e-4 * np.abs(other).max()


def test_the_cpu_is_used_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
    assert np.array_equal(embedding(device="auto").transform(cells(2)), embedding(device="cpu").transform(cells(2)))
    with pytest.raises(ValueError, match="device=cuda, but this machine has no NVIDIA GPU"):
        embedding(device="cuda").transform(cells(2))


def test_notices_are_those_of_the_engine() -> None:
    plain = embedding()
    plain.transform(cells(1))
    assert plain.notices_ == ()
    rough = embedding(precision="bf16")
    rough.transform(cells(1))
    assert len(rough.notices_) == (0 if has_native_bf16() else 1)


def test_tta_averages_the_dihedral_images() -> None:
    (cell,) = cells(1, side=256)  # the input is a crop without interpolation
    image = cell.image
    eight = [Cell(str(i), np.rot90(image if i < 4 else image[:, ::-1], i % 4).copy()) for i in range(8)]
    expected = embedding().transform(eight).mean(axis=0)
    augmented = embedding(tta=True)
    np.testing.assert_allclose(augmented.transform([cell])[0], expected, atol=1e-5 * np.abs(expected).max())
    together = augmented.transform(eight)
    assert np.abs(together - together[0]).max() < 1e-5 * np.abs(expected).max()
    with pytest.raises(ValueError, match="tta=1 is not known; it is true or false"):
        embedding(tta=1).transform([cell])


def test_features_of_unit_length(monkeypatch: pytest.MonkeyPatch) -> None:
    many = cells(3)
    plain, unit = embedding().transform(many), embedding(normalize="l2").transform(many)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(unit * np.linalg.norm(plain, axis=1, keepdims=True), plain, rtol=1e-5)
    with pytest.raises(ValueError, match="normalize=l1 is not known; it is one of none, l2"):
        embedding(normalize="l1").transform(many)

    def zeros(self: OpenVINOEngine, images: Iterable[InputImage]) -> Iterator[Row]:
        return (np.zeros(self.width, dtype=np.float32) for _ in images)

    monkeypatch.setattr(OpenVINOEngine, "features", zeros)
    assert not embedding(normalize="l2").transform(many).any()


def test_small_images_are_enlarged_or_raise() -> None:
    assert np.isfinite(embedding().transform(cells(1, side=8))).all()
    with pytest.raises(ValueError, match="cell c0: an image of 7 x 7 pixels is too small for a network"):
        embedding().transform(cells(1, side=7))


def test_a_missing_row_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_less(self: OpenVINOEngine, images: Iterable[InputImage]) -> Iterator[Row]:
        return (np.zeros(self.width, dtype=np.float32) for _ in list(images)[1:])

    monkeypatch.setattr(OpenVINOEngine, "features", one_less)
    with pytest.raises(ValueError, match="shorter"):
        embedding().transform(cells(3))


def test_a_non_finite_feature_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: OpenVINOEngine, images: Iterable[InputImage]) -> Iterator[Row]:
        for index, _ in enumerate(images):
            yield np.full(self.width, np.nan if index == 15 else 0, dtype=np.float32)

    monkeypatch.setattr(OpenVINOEngine, "features", broken)
    with pytest.raises(ValueError, match=f"cell c15: its embedding by {SMALL} contains NaN or infinity"):
        embedding().transform(cells(20))


def test_the_full_name_resolves_the_default() -> None:
    assert Embedding("resnet50").full_name().startswith("resnet50.")
    assert Embedding("resnet50.a1_in1k").full_name() == "resnet50.a1_in1k"


def test_an_unreadable_cell_raises(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(ValueError, match=r"x\.png: not a readable image"):
        embedding().transform(Cells([CellFile("x", str(tmp_path / "x.png"))]))


def test_missing_default_weights_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"no weights for {SMALL}[\s\S]*HF_HUB_OFFLINE[\s\S]*weights=random"):
        Embedding(SMALL, weights_dir=tmp_path).transform(cells(1))


def test_features_of_real_cells_equal_plain_timm(shared: Path) -> None:
    files = sorted((shared / "data" / "cnmc-sample").rglob("*.bmp"))[::7]
    ours = Embedding("mobilenetv2_100", weights_dir=shared / "weights").transform(
        Cells(CellFile(file.stem, str(file)) for file in files)
    )
    plain = timm.create_model("mobilenetv2_100", checkpoint_path=str(shared / "weights/mobilenetv2_100.safetensors"))
    plain.reset_classifier(0)
    transform = create_transform(**resolve_model_data_config(plain), is_training=False)
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(transform(image.convert("RGB")))
    with torch.inference_mode():
        expected = plain.eval()(torch.stack(images)).numpy()
    assert np.abs(ours - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_network_of_a_folder_states_the_digest_of_its_configuration(tmp_path: Path) -> None:
    network = timm.create_model("resnet10t", num_classes=0)
    timm.models.save_for_hf(network, str(tmp_path), safe_serialization=True)
    embedding = Embedding(f"local-dir:{tmp_path}", engine="torch", size=64, device="cpu")
    features = embedding.transform(cells(2))
    assert features.shape == (2, 512)
    assert embedding.config_sha256_ == embedding.config_digest() is not None
    assert Embedding("resnet10t").config_digest() is None
    assert embedding.get_feature_names_out()[0] == f"local-dir:{tmp_path}_0000"


def test_a_foundation_model_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="phikon needs the package transformers"):
        Embedding("phikon").validate_parameters()
    assert Embedding("phikon").package_version() is not None
    assert Embedding("dinobloom_s").package_version() is None
