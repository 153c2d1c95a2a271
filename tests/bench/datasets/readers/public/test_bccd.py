"""BCCD: cells cut from photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.datasets.readers.public.voc_boxes import Box, read_boxes
from bench.datasets.table import Dataset
from bench.errors import BenchError

Read = Callable[..., Dataset]

pytestmark = pytest.mark.usefixtures("own_cache")


def annotation(*boxes: tuple[str, int, int, int, int], width: object = 40, height: object = 30) -> str:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object>"
        for name, x0, y0, x1, y1 in boxes
    )
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


@pytest.fixture
def bccd(tmp_path: Path) -> Path:
    root = tmp_path / "BCCD_Dataset/BCCD"
    (root / "JPEGImages").mkdir(parents=True)
    (root / "Annotations").mkdir()
    for number in range(2):
        image = np.full((30, 40, 3), 40 * number, dtype=np.uint8)
        cv2.imwrite(str(root / f"JPEGImages/BloodImage_0000{number}.jpg"), image)
    (root / "Annotations/BloodImage_00000.xml").write_text(
        annotation(("WBC", 5, 6, 15, 26), ("RBC", 30, 20, 50, 40), ("RBC", 7, 7, 7, 9))
    )
    (root / "Annotations/BloodImage_00001.xml").write_text(annotation(("Platelets", 0, 0, 4, 3)))
    return root


def test_cells_are_the_boxes_and_units_are_the_photographs(bccd: Path, read: Read) -> None:
    for path in (bccd, bccd.parent):
        dataset = read(path)
        table = dataset.table
        assert (dataset.reader, dataset.grouping) == ("bccd", "unit")
        assert list(table["label"]) == ["WBC", "RBC", "Platelets"]
        assert list(table["unit"]) == ["BloodImage_00000", "BloodImage_00000", "BloodImage_00001"]
    images = [cv2.imread(file) for file in table["path"]]
    assert [image.shape[:2] for image in images] == [(20, 10), (10, 10), (3, 4)]
    assert [int(image.mean()) for image in images] == [0, 0, 40]
    assert "boxes without pixels, left out: 1" in dataset.notices
    assert "boxes clipped to their photograph: 1" in dataset.notices
    assert any("the split units are photographs, cells of one patient may be in several" in n for n in dataset.notices)


def test_a_changed_annotation_gives_other_cells(bccd: Path, read: Read) -> None:
    first = read(bccd).table["path"]
    (bccd / "Annotations/BloodImage_00001.xml").write_text(annotation(("Platelets", 0, 0, 5, 3)))
    again = read(bccd).table["path"]
    assert cv2.imread(again[2]).shape == (3, 5, 3)
    assert cv2.imread(first[2]).shape == (3, 4, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"BloodImage_00001\.jpg: the annotation .*BloodImage_00001\.xml is missing"),
        (annotation(("Cell", 0, 0, 4, 3)), "the class 'Cell' is not one of Platelets, RBC, WBC"),
        (annotation(("RBC", 60, 0, 70, 3), width=80), "has 40 x 30 pixels, and its annotation states more"),
        (annotation(width=100_000, height=100_000), "states 100000 x 100000 pixels"),
        (annotation(width=""), "size/width of <annotation> is ''; expected a whole number"),
        ("<annotation>", "not readable XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "document type, entities or UTF-16 text"),
    ],
)
def test_malformed_annotations(bccd: Path, read: Read, text: str | None, message: str) -> None:
    file = bccd / "Annotations/BloodImage_00001.xml"
    file.unlink()
    if text is not None:
        file.write_text(text)
    with pytest.raises(BenchError, match=message):
        read(bccd)


def test_repeated_and_contradictory_boxes_are_left_out(bccd: Path, read: Read) -> None:
    (bccd / "Annotations/BloodImage_00001.xml").write_text(
        annotation(("Platelets", 0, 0, 4, 3), ("Platelets", 0, 0, 4, 3), ("RBC", 5, 5, 9, 9), ("WBC", 5, 5, 9, 9))
    )
    dataset = read(bccd)
    assert list(dataset.table["label"]) == ["WBC", "RBC", "Platelets"]
    assert "repeated boxes, left out: 1" in dataset.notices
    assert "boxes of two classes, left out: 2" in dataset.notices


def test_boxes_are_clipped() -> None:
    assert Box(-2, 3, 5, 60).clipped(4, 50) == Box(0, 3, 4, 50)
    assert Box(4, 0, 9, 9).clipped(4, 50) is None
    assert Box(5, 5, 3, 9).clipped(10, 10) is None


def test_numbers_with_zero_decimals(tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    file.write_text(annotation(("RBC", 1, 2, 3, 4)).replace("<xmin>1<", "<xmin>1.0<"))
    assert read_boxes(file) == ((40, 30), [("RBC", Box(1, 2, 3, 4))])
