"""Small cells on disk, and a separate cache for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Draw = Callable[..., Path]


@pytest.fixture
def draw() -> Draw:
    """Write a cell of 12 x 12 px on black whose pixels follow from `seed`; the suffix is the format."""

    def write(path: Path, seed: int = 0, *, dtype: type = np.uint8) -> Path:
        image = np.zeros((12, 12, 3), dtype=dtype)
        top = np.iinfo(dtype).max
        image[3:9, 2:10] = np.random.default_rng(seed).integers(1, top, (6, 8, 3))
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)
        return path

    return write


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test alone."""
    folder = tmp_path / "own-cache"
    monkeypatch.setenv("CYTOBENCH_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def reading_page() -> str:
    """The documentation of how files are read, with the tables that tests print."""
    docs = Path(__file__).resolve().parents[3] / "docs"
    return "\n".join(
        page.read_text(encoding="utf-8") for page in [*docs.glob("reading*.md"), *docs.glob("reading/*.md")]
    )
