"""A small network, input images and an empty cache."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone
from extractors.networks.inference import network_cache
from extractors.networks.inference.conversion import write_network
from extractors.networks.inference.select_engine import _engine

SMALL = BackboneSpec("test_efficientnet", weights="random")


@pytest.fixture
def spec() -> BackboneSpec:
    return SMALL


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return load_backbone(SMALL)


@pytest.fixture(scope="session")
def converted_files(backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the converted small network."""
    folder = tmp_path_factory.mktemp("converted")
    write_network(backbone, folder)
    return folder


@pytest.fixture
def fast_conversion(converted_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace conversions by copies of the converted small network, which take no seconds."""

    def copy(backbone: Backbone, folder: Path) -> None:
        assert backbone.spec == SMALL
        shutil.copytree(converted_files, folder, dirs_exist_ok=True)

    monkeypatch.setattr(network_cache, "write_network", copy)


@pytest.fixture
def images(backbone: Backbone) -> npt.NDArray[np.uint8]:
    """Seven different images."""
    return np.random.default_rng(1).integers(0, 256, (7, *backbone.transform.size, 3), dtype=np.uint8)


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private cache folder; opened engines are dropped."""
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    _engine.cache_clear()
    return tmp_path / "cache"
