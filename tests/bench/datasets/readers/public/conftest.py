"""The readers in the order of a run, as `pyproject.toml` declares them, and miniatures of datasets."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.datasets.readers import selection
from bench.datasets.readers.selection import installed_readers, read_path
from bench.datasets.table import Dataset, Reader, ReadOptions

ROOT = Path(__file__).resolve().parents[5]

Draw = Callable[..., Path]
Read = Callable[..., Dataset]


@pytest.fixture
def points() -> dict[str, EntryPoint]:
    """The entry points of the group `bench.datasets`, installed or not."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["bench.datasets"]
    return {name: EntryPoint(name, value, "bench.datasets") for name, value in declared.items()}


@pytest.fixture
def readers(points: dict[str, EntryPoint], monkeypatch: pytest.MonkeyPatch) -> list[Reader]:
    """All readers in the order in which a path is offered to them."""
    monkeypatch.setattr(selection, "installed", lambda kind: points)
    broken: list[str] = []
    every = list(installed_readers(broken))
    assert not broken
    return every


@pytest.fixture
def read(readers: list[Reader]) -> Read:
    """Read a path with the first reader that recognises it."""

    def with_options(path: Path, **options: str) -> Dataset:
        return read_path(str(path), ReadOptions(**options), readers=readers)[0]

    return with_options


@pytest.fixture
def draw_all(draw: Draw) -> Callable[[Path, Iterable[str]], Path]:
    """Write an image under each relative path, each with other pixels."""

    def write(root: Path, files: Iterable[str]) -> Path:
        for seed, file in enumerate(files):
            draw(root / file, seed)
        return root

    return write
