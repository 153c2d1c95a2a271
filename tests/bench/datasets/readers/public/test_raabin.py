"""The flat copy of Raabin-WBC, with labels in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bench.datasets.table import Dataset
from bench.errors import BenchError

Read = Callable[..., Dataset]
DrawAll = Callable[[Path, Iterable[str]], Path]

TRAIN = {"a.jpg": 1, "b.jpg": 2, "c.jpg": 3, "d.jpg": 4, "e.jpg": 5}
LABELS = ["Neutrophil", "Lymphocyte", "Monocyte", "Eosinophil", "Basophil"]


@pytest.fixture
def flat(tmp_path: Path, draw_all: DrawAll) -> Path:
    draw_all(tmp_path, [*(f"Train/{name}" for name in TRAIN), "Test/f.jpg"])
    (tmp_path / "Train.json").write_text(json.dumps(TRAIN))
    (tmp_path / "Test.json").write_text(json.dumps({"f.jpg": 2}))
    return tmp_path


def test_labels_are_the_codes_and_parts_are_sets(flat: Path, read: Read) -> None:
    dataset = read(flat)
    assert dataset.reader == "raabin"
    assert list(dataset.table["label"]) == [*LABELS, "Lymphocyte"]
    assert list(dataset.table["set"]) == ["train"] * 5 + ["held-out"]
    assert dataset.grouping == "block"


def test_one_part_alone_has_no_sets(flat: Path, read: Read) -> None:
    (flat / "Test.json").unlink()
    (flat / "Train.json").write_text(json.dumps(TRAIN | {"lost.jpg": 1}))
    dataset = read(flat)
    assert "set" not in dataset.table
    assert len(dataset.table) == 5
    assert "names in Train.json without an image: 1 of 6" in dataset.notices


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ({"a.jpg": 1}, r"Train/b\.jpg: the image is not in Train\.json"),
        (TRAIN | {"a.jpg": 6}, r"Train\.json: 'a\.jpg' has the code 6; expected 1 \(Neutrophil\)"),
        (TRAIN | {"a.jpg": "1"}, "has the code '1'"),
        (TRAIN | {"a.jpg": True}, "has the code True"),
        ([1], r"Train\.json: not a JSON object"),
    ],
)
def test_wrong_labels(flat: Path, read: Read, codes: object, message: str) -> None:
    (flat / "Train.json").write_text(json.dumps(codes))
    with pytest.raises(BenchError, match=message):
        read(flat)
