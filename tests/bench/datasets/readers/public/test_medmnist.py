"""BloodMNIST and other MedMNIST archives, on archives of a few images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bench.datasets.table import Dataset
from bench.errors import BenchError

Read = Callable[..., Dataset]

pytestmark = pytest.mark.usefixtures("own_cache")


def arrays(shape: tuple[int, ...] = (5, 7, 3), classes: int = 8, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {}
    for part, count in (("train", 8), ("val", 2), ("test", 3)):
        values[f"{part}_images"] = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
        values[f"{part}_labels"] = np.arange(count, dtype=np.uint8).reshape(-1, 1) % classes
    return values | changes


def save(path: Path, **changes: Any) -> Path:
    np.savez_compressed(path, **arrays(**changes))
    return path


def test_bloodmnist(tmp_path: Path, read: Read, own_cache: Path) -> None:
    path = save(tmp_path / "bloodmnist_64.npz")
    dataset = read(path)
    table = dataset.table
    assert (dataset.name, dataset.reader, dataset.grouping) == ("bloodmnist_64", "medmnist", "block")
    assert list(table["label"][:8]) == [
        "basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte", "monocyte", "neutrophil",
        "platelet",
    ]  # fmt: skip
    assert list(table["set"]) == ["train"] * 10 + ["held-out"] * 3
    assert list(table["cell"][[0, 8, 10]]) == ["train_000000", "val_000000", "test_000000"]
    stored = np.stack([cv2.imread(file)[..., ::-1] for file in table["path"]])
    expected = arrays()
    assert np.array_equal(stored, np.concatenate([expected[f"{part}_images"] for part in ("train", "val", "test")]))
    assert all(Path(file).is_relative_to(own_cache) for file in table["path"])
    notices = "\n".join(dataset.notices)
    assert "BloodMNIST is cut from the images of Acevedo PBC 2020: never test a model of one on the other" in notices
    assert "is not one of the published files: its MD5 is" in notices
    assert "bloodmnist_64 has no patient ids" in notices


def test_the_images_are_written_once_and_again_if_one_is_missing(tmp_path: Path, read: Read) -> None:
    path = save(tmp_path / "bloodmnist.npz")
    first = read(tmp_path)
    files = [Path(file) for file in first.table["path"]]
    assert any("are stored as BMP files in" in notice for notice in first.notices)
    times = [file.stat().st_mtime_ns for file in files]
    again = read(path)
    assert list(again.table["path"]) == list(first.table["path"])
    assert [file.stat().st_mtime_ns for file in files] == times
    assert not any("are stored as BMP files in" in notice for notice in again.notices)
    content = files[3].read_bytes()
    files[3].unlink()
    read(path)
    assert files[3].read_bytes() == content


def test_other_sets_have_numbers_as_classes(tmp_path: Path, read: Read) -> None:
    dataset = read(save(tmp_path / "breastmnist.npz", shape=(4, 4), classes=2))
    assert dataset.classes == ("0", "1")
    assert dataset.family is None
    assert any("classes have the numbers of the file" in notice for notice in dataset.notices)
    assert cv2.imread(dataset.table["path"][0]).shape == (4, 4, 3)


def test_a_unit_pattern_is_matched_in_the_names(tmp_path: Path, read: Read) -> None:
    dataset = read(save(tmp_path / "bloodmnist.npz"), unit_pattern=r"_0*(\d+)$")
    assert dataset.grouping == "unit"
    assert list(dataset.table["unit"][:3]) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (4, 4, 4, 4)}, "three-dimensional sets are not read"),
        ({"shape": (4, 4, 4)}, "three-dimensional sets are not read"),
        ({"val_images": np.zeros((2, 5, 7, 3))}, "val_images has type float64"),
        ({"shape": (0, 4)}, "images of 0 x 4 pixels"),
        ({"train_labels": np.zeros((8, 14), dtype=np.uint8)}, "sets of several labels per image are not read"),
        ({"test_labels": np.zeros(2, dtype=np.uint8)}, r"test_labels has shape \(2,\) for 3 images"),
        ({"test_labels": np.array([0, 1, 8])}, "a label is 8; expected 0 to 7"),
        ({"test_labels": np.array([0, 1, -1])}, "a label is -1; expected 0 to 7"),
    ],
)
def test_refused_archives(tmp_path: Path, read: Read, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        read(save(tmp_path / "bloodmnist.npz", **changes))


def test_other_archives_are_not_recognised(tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "a.npz", train_images=np.zeros((2, 4, 4), dtype=np.uint8))
    with pytest.raises(BenchError, match=r"no reader .* recognises it"):
        read(tmp_path / "a.npz")
