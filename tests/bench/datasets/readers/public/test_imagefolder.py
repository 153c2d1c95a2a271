"""Image folders of Hugging Face with metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bench.datasets.table import Dataset
from bench.errors import BenchError

Read = Callable[..., Dataset]
DrawAll = Callable[[Path, Iterable[str]], Path]


def write(root: Path, text: str, name: str = "metadata.csv") -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    return root


def test_labels_and_patients_of_the_metadata(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, ["x/1.png", "2.png", "extra.png"])
    dataset = read(write(tmp_path, "file_name,label,patient\n2.png,blast,P2\nx/1.png,normal,P1\n"))
    assert (dataset.reader, dataset.grouping) == ("imagefolder", "patient")
    assert dataset.table.set_index("cell")[["label", "patient"]].to_dict("index") == {
        "2.png": {"label": "blast", "patient": "P2"},
        "x/1.png": {"label": "normal", "patient": "P1"},
    }
    assert "images that are not in metadata.csv are left out: 1" in dataset.notices


def test_parts_are_sets_and_folders_are_classes_without_a_label(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, ["train/a/1.png", "train/b/2.png", "validation/a/3.png", "test/b/4.png"])
    write(tmp_path, "file_name,subject_id\na/1.png,P1\nb/2.png,P2\n", "train/metadata.csv")
    write(tmp_path, "file_name,subject_id\na/3.png,P3\n", "validation/metadata.csv")
    write(tmp_path, "file_name,subject_id\nb/4.png,P4\n", "test/metadata.csv")
    dataset = read(tmp_path)
    table = dataset.table.set_index("cell")
    assert table["label"].to_dict() == {
        "test/b/4.png": "b",
        "train/a/1.png": "a",
        "train/b/2.png": "b",
        "validation/a/3.png": "a",
    }
    assert list(table["set"]) == ["held-out", "train", "train", "train"]
    assert list(table["patient"]) == ["P4", "P1", "P2", "P3"]
    assert any("the column 'subject_id' holds the patient" in notice for notice in dataset.notices)
    assert any("the class is the folder of each image" in notice for notice in dataset.notices)


def test_one_table_above_the_parts(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, ["train/1.png", "val/2.png"])
    dataset = read(write(tmp_path, "file_name,label\ntrain/1.png,a\nval/2.png,b\n"))
    assert "set" not in dataset.table
    assert dataset.grouping == "block"
    assert "the parts of a split are pooled: train, val" in dataset.notices
    assert any(f"{tmp_path.name} has no patient ids" in notice for notice in dataset.notices)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file_name\n1.png\n", r"row 2: there is no column 'label', and '1\.png' is in no class folder"),
        ("file_name\ntrain/3.png\n", r"row 2: there is no column 'label', and 'train/3\.png' is in no class folder"),
        ("file_name,label\n1.png,\n", "row 2: 'label' is empty"),
        ("file_name,label\n,a\n", "row 2: 'file_name' is empty"),
        ("file_name,label\n1.png,a\n1.png,b\n", r"1\.png: the image is listed twice"),
        ("file_name,label\n9.png,a\n", r"row 2: the file_name '9\.png' does not exist"),
        ("file_name,label\n../1.png,a\n", "leaves the folder"),
        ("file_name,label\n/etc/hosts,a\n", "is absolute; write it relative"),
        ("file_name,label,patient,subject\n1.png,a,P,P\n", r"several columns may be the patient \(patient, subject\)"),
        ("file_name,label,patient\n1.png,a,\n", "row 2: 'patient' is empty"),
        ("file_name,Label\n1.png,a\n", "'Label' looks like the column 'label' in another spelling"),
    ],
)
def test_malformed_metadata(tmp_path: Path, draw_all: DrawAll, read: Read, text: str, message: str) -> None:
    draw_all(tmp_path / "cells", ["1.png", "train/3.png"])
    with pytest.raises(BenchError, match=message):
        read(write(tmp_path / "cells", text))


def test_patients_in_some_tables_only(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, ["train/1.png", "test/2.png"])
    write(tmp_path, "file_name,label,patient\n1.png,a,P\n", "train/metadata.csv")
    write(tmp_path, "file_name,label\n2.png,b\n", "test/metadata.csv")
    with pytest.raises(BenchError, match=r"only some metadata\.csv files have a column of patients"):
        read(tmp_path)


def test_another_metadata_table_is_not_recognised(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, ["a/1.png", "b/2.png"])
    write(tmp_path, "id,label\n1,a\n")
    assert read(tmp_path, patient_pattern=r"(\d)").reader == "folder"
