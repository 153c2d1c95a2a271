from __future__ import annotations

import hashlib
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.readers import extracted_cells as module
from bench.datasets.readers.extracted_cells import bmp_bytes, extracted_cells
from bench.errors import BenchError
from extractors.arrays import UInt8Array
from extractors.images.pixels import load_image

pytestmark = pytest.mark.usefixtures("own_cache")


def image(height: int, width: int, seed: int = 0) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (5, 3), (2, 7), (6, 2)])
def test_a_bmp_holds_the_pixels(shape: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(bmp_bytes(image(*shape)))
    assert np.array_equal(load_image(tmp_path / "a.bmp").image, image(*shape))
    assert np.array_equal(cv2.imread(str(tmp_path / "a.bmp"))[..., ::-1], image(*shape))


def test_the_bytes_of_a_bmp_do_not_change() -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    content = bmp_bytes(pixels)
    assert len(content) == 54 + 2 * 12
    assert content[54:57] == bytes([11, 10, 9])  # the last row comes first, blue before red
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(bmp_bytes(pixels.copy())).hexdigest()


def test_an_error_leaves_nothing(own_cache: Path) -> None:
    def images() -> Iterator[UInt8Array]:
        yield image(2, 2)
        raise BenchError("damaged")

    with pytest.raises(BenchError, match="damaged"):
        extracted_cells("key", ["a", "b"], images(), pixels=8, source="x.npz")
    assert list((own_cache / module.FOLDER).iterdir()) == []


def test_sizes_are_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def images() -> Iterator[UInt8Array]:
        raise AssertionError("read before the check")
        yield

    with pytest.raises(BenchError, match=r"x: its cells need \d+ bytes; at most 34359738368 are written"):
        extracted_cells("key", ["a"], images(), pixels=2**40, source="x")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(BenchError, match=r"which has 1000; set CYTOBENCH_CACHE to another folder"):
        extracted_cells("key", ["a"], images(), pixels=4, source="x")
