"""A small network, input images and an empty cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from extractors.networks.backbones.backbone import Backbone, BackboneSpec, load_backbone
from extractors.networks.inference.select_engine import _engine

SMALL = BackboneSpec("test_efficientnet", weights="random")


@pytest.fixture
def spec() -> BackboneSpec:
    return SMALL


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone(SMALL)


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
