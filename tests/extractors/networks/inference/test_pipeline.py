from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import pytest

from extractors.cells import Cell, CellFile, Cells
from extractors.networks.backbones.backbone import Backbone
from extractors.networks.inference.pipeline import AHEAD, input_images
from extractors.preparation.step import Picture


def cells(n: int, side: int = 40) -> list[Cell]:
    rng = np.random.default_rng(0)
    return [Cell(f"c{i}", rng.integers(0, 256, (side, side + i, 3), dtype=np.uint8)) for i in range(n)]


def reading_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


class Counted(Sequence[Cell]):
    """Cells that record which of them were accessed."""

    def __init__(self, n: int) -> None:
        self.cells, self.seen = cells(n), set[int]()

    def __len__(self) -> int:
        return len(self.cells)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: Any) -> Any:
        self.seen.add(index)
        return self.cells[index]


@pytest.mark.parametrize("threads", [1, 3])
def test_images_are_transformed_in_order(backbone: Backbone, threads: int) -> None:
    many = cells(30)
    images = list(input_images(many, backbone.transform, threads=threads))
    assert all(np.array_equal(a, backbone.transform.apply(cell.image)) for a, cell in zip(images, many, strict=True))
    assert reading_threads() == []
    assert list(input_images([], backbone.transform, threads=threads)) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_prefetching_is_limited_and_closing_stops_the_threads(backbone: Backbone, threads: int) -> None:
    many = Counted(100)
    with closing(input_images(many, backbone.transform, threads=threads)) as images:
        for _ in range(10):
            next(images)
        assert len(many.seen) <= 10 + AHEAD * threads
        assert reading_threads()
    assert reading_threads() == []
    assert len(many.seen) <= 10 + AHEAD * threads


def test_an_interrupt_stops_the_threads(backbone: Backbone) -> None:
    def interrupted() -> Iterator[None]:
        with closing(input_images(cells(100), backbone.transform, threads=2)) as images:
            next(images)
            raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        list(interrupted())
    assert reading_threads() == []


def test_errors_name_the_cell(backbone: Backbone, tmp_path: Path) -> None:
    small = [*cells(5), Cell("tiny", np.zeros((7, 90, 3), dtype=np.uint8))]
    with pytest.raises(ValueError, match="cell tiny: an image of 90 x 7 pixels is too small"):
        list(input_images(small, backbone.transform, threads=2))
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(ValueError, match=r"cell x: .*x\.png: not a readable image"):
        list(input_images(Cells([CellFile("x", str(tmp_path / "x.png"))]), backbone.transform, threads=2))
    with pytest.raises(OSError, match=r"cell y: .*y\.png"):
        list(input_images(Cells([CellFile("y", str(tmp_path / "y.png"))]), backbone.transform, threads=2))
    assert reading_threads() == []


class Halved:
    """A step that keeps the upper half."""

    name = "halved"

    def __call__(self, picture: Picture) -> Picture:
        half = len(picture.image) // 2
        return Picture(picture.image[:half], picture.mask[:half])


def test_networks_receive_prepared_cells(backbone: Backbone, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 - needed here alone

    image = np.random.default_rng(4).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    plain = CellFile("a", str(tmp_path / "a.png"), mask_by="whole")
    prepared = replace(plain, prepare=(Halved(),))
    images = list(input_images(Cells([plain, prepared]), backbone.transform, threads=1))
    assert np.array_equal(images[0], backbone.transform.apply(image))
    assert np.array_equal(images[1], backbone.transform.apply(image[:30]))
