from __future__ import annotations

import pickle
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
from extractors.networks.backbones import Backbone

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


def test_where_and_how_fast_are_parameters_but_no_identity() -> None:
    parameters = Embedding().get_params()
    assert set(Embedding.not_identity) == {"weights_dir", "threads"} < set(parameters)


def test_features_do_not_depend_on_calls_threads_or_copies() -> None:
    many = cells(40)
    extractor = embedding()
    whole = extractor.transform(many)
    assert np.array_equal(whole, extractor.transform(many))
    shards = [clone(extractor).transform(many[start : start + 32]) for start in (32, 0)]
    assert np.array_equal(whole, np.concatenate(shards[::-1]))
    assert np.array_equal(whole[:16], pickle.loads(pickle.dumps(extractor)).transform(many[:16]))  # noqa: S301 - ours
    two_threads = embedding(threads=2).transform(many[:16])
    np.testing.assert_allclose(two_threads, whole[:16], atol=1e-4 * np.abs(whole).max())
    alone = np.concatenate([extractor.transform(many[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(alone, whole[:3], atol=1e-5 * np.abs(whole).max())


def test_torchs_threads_are_those_asked_for_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    features = Backbone.features

    def spy(self: Backbone, batch: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return features(self, batch)

    monkeypatch.setattr(Backbone, "features", spy)
    before = torch.get_num_threads()
    embedding(threads=3).transform(cells(1))
    assert seen == [3]
    assert torch.get_num_threads() == before


def test_an_image_smaller_than_the_network_can_take_is_enlarged() -> None:
    assert np.isfinite(embedding().transform(cells(1, side=3))).all()


def test_a_feature_that_is_not_finite_names_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Backbone, batch: torch.Tensor) -> torch.Tensor:
        features = torch.zeros(len(batch), self.width)
        features[-1, 5] = float("nan")
        return features

    monkeypatch.setattr(Backbone, "features", broken)
    with pytest.raises(ValueError, match=f"cell c15: its embedding by {SMALL} holds NaN or infinity"):
        embedding().transform(cells(20))


def test_an_unreadable_cell_stops_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(ValueError, match=r"x\.png: not an image"):
        embedding().transform(Cells([CellFile("x", str(tmp_path / "x.png"))]))


def test_default_weights_are_never_replaced_by_random_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"no weights for {SMALL}[\s\S]*HF_HUB_OFFLINE[\s\S]*weights=random"):
        Embedding(SMALL, weights_dir=tmp_path).transform(cells(1))


def test_real_cells_through_published_weights_equal_plain_timm(shared: Path) -> None:
    files = sorted((shared / "data" / "cnmc-sample").rglob("*.bmp"))[::7]
    ours = Embedding("mobilenetv2_100", weights_dir=shared / "weights").transform(
        Cells(CellFile(file.stem, str(file)) for file in files)
    )
    plain = timm.create_model("mobilenetv2_100", checkpoint_path=str(shared / "weights/mobilenetv2_100.safetensors"))
    plain.reset_classifier(0)
    view = create_transform(**resolve_model_data_config(plain), is_training=False)
    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(view(image.convert("RGB")))
    with torch.inference_mode():
        expected = plain.eval()(torch.stack(images)).numpy()
    assert np.abs(ours - expected).max() < 1e-4 * np.abs(expected).max()
