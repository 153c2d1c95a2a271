"""Datasets that a `Layout` describes, each on a miniature of its folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.datasets.readers.folder_layout import is_part_of_split
from bench.datasets.readers.public.facts import Facts
from bench.datasets.table import Dataset, Reader
from bench.errors import BenchError
from bench.plugins.importing import load_class

Read = Callable[..., Dataset]
DrawAll = Callable[[Path, Iterable[str]], Path]

ACEVEDO = ["basophil/BA_47.jpg", "ig/MMY_1.jpg", "ig/IG_2.jpg", "neutrophil/BNE_3.jpg", "neutrophil/NEUTROPHIL_4.jpg"]
LMU = ["BAS/BAS_0001.tiff", "NGS/NGS_0001.tiff", "NGS/NGS_8484.tiff"]
BONE_MARROW = ["ABE/ABE_00001.jpg", "NGB/0001-1000/NGB_00001.jpg", "NGB/9001-9968/NGB_09968.jpg"]
HEHR = ["control/AQK/image_0.tif", "control/AQK/image_1.tif", "PML_RARA/BCD/image_0.tif", "NPM1/XYZ/image_0.tif"]
MLL23 = ["lymphocyte/lymphocyte/a.tif", "hairy_cell/hairy_cell/b.tif", "promyelocyte_atypical/c.tif"]
RAABIN = [
    "Train/Basophil/20190526_162951_0.jpg",
    "Train/Monocyte/a.jpg",
    "TestA/Basophil/b.jpg",
    "TestB/Monocyte/c.jpg",
]
TALEQANI = [
    f"{view}/{name}/WBC-{written}-001.jpg"
    for view in ("Original", "Segmented")
    for name, written in (
        ("Benign", "Benign"),
        ("Early", "Malignant-Early"),
        ("Pre", "Malignant-Pre"),
        ("Pro", "Malignant-Pro"),
    )
]
PHOTOGRAPHS = ["Benign/a.jpg", "[Malignant] early Pre-B/b.jpg", "[Malignant] Pre-B/c.jpg", "[Malignant] Pro-B/d.jpg"]
BLOOD_CELLS = [
    "TRAIN/EOSINOPHIL/_0_187.jpeg",
    "TRAIN/EOSINOPHIL/_0_207.jpeg",
    "TRAIN/MONOCYTE/_17_5.jpeg",
    "TEST/MONOCYTE/_0_99.jpeg",
    "TEST_SIMPLE/MONOCYTE/_3_1.jpeg",
]
IDB2 = ["img/Im001_1.tif", "img/Im002_1.tif", "img/Im131_0.tif"]

MINIATURES = {
    "acevedo": ("PBC_dataset_normal_DIB", ACEVEDO, ["basophil", "ig", "ig", "neutrophil", "neutrophil"]),
    "aml_lmu": ("PKG - AML-Cytomorphology_LMU/AML-Cytomorphology", LMU, ["BAS", "NGS", "NGS"]),
    "bone_marrow_mll": ("BM_cytomorphology_data", BONE_MARROW, ["ABE", "NGB", "NGB"]),
    "aml_hehr": (
        "PKG - AML-Cytomorphology_MLL_Helmholtz_v1/data",
        HEHR,
        ["NPM1", "PML_RARA", "control", "control"],
    ),
    "mll23": ("MLL23", MLL23, ["hairy_cell", "lymphocyte", "promyelocyte_atypical"]),
    "raabin": ("WBC/Cropped_double_labeled", RAABIN, ["Basophil", "Monocyte", "Basophil", "Monocyte"]),
    "taleqani": ("ALL", TALEQANI, ["Benign", "Early", "Pre", "Pro"]),
    "taleqani_photographs": ("Blood cell Cancer [ALL]", PHOTOGRAPHS, ["Benign", "Pre", "Pro", "Early"]),
    "blood_cells": (
        "dataset2-master/dataset2-master/images",
        BLOOD_CELLS,
        ["MONOCYTE", "EOSINOPHIL", "EOSINOPHIL", "MONOCYTE"],
    ),
    "all_idb2": ("ALL_IDB2", IDB2, ["ALL", "ALL", "healthy"]),
}
"""Name of the reader: folder of the dataset, its files, and the labels in the order of the paths."""


@pytest.mark.parametrize("name", MINIATURES)
def test_miniatures_from_above_and_inside(name: str, tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    inside, files, labels = MINIATURES[name]
    draw_all(tmp_path / "download" / inside, files)
    (tmp_path / "download" / inside / "README.txt").touch()
    draw_all(tmp_path / "download/__MACOSX" / inside, ["basophil/BA_1.jpg"])
    for path in (tmp_path / "download", tmp_path / "download" / inside):
        dataset = read(path)
        assert (dataset.reader, list(dataset.table["label"])) == (name, labels)
        assert not any(map(is_part_of_split, dataset.classes))
        assert dataset.grouping == {"aml_hehr": "patient", "blood_cells": "unit"}.get(name, "block")
        has_none = sum("has no patient ids" in notice for notice in dataset.notices)
        assert has_none == (dataset.grouping != "patient")


def test_every_public_dataset_states_its_facts_under_its_own_name(points: dict[str, EntryPoint]) -> None:
    loaded = {name: load_class(point.value) for name, point in points.items()}
    assert {name: reader.name for name, reader in loaded.items()} == {name: name for name in loaded}  # type: ignore[attr-defined]
    facts = {name: reader.facts for name, reader in loaded.items() if hasattr(reader, "facts")}
    assert set(loaded) - set(facts) == {"manifest", "folder", "phantom", "imagefolder"}
    assert all(isinstance(one, Facts) for one in facts.values())
    assert {name for name, one in facts.items() if one.patients} == {"cnmc", "aml_hehr", "malaria"}


@pytest.mark.parametrize("name", MINIATURES)
def test_no_other_reader_recognises_a_miniature(
    name: str, tmp_path: Path, draw_all: DrawAll, readers: list[Reader]
) -> None:
    draw_all(tmp_path, MINIATURES[name][1])
    assert [reader.name for reader in readers if reader.recognises(tmp_path)] == [name, "folder"]


@pytest.mark.parametrize(
    "files",
    [
        ["basophil/BA_1.jpg", "basophil/BA_2.jpg"],
        ["basophil/1.jpg", "neutrophil/2.jpg"],
        ["basophil/BNE_1.jpg", "neutrophil/BA_2.jpg"],
        ["BAS/BAS_0001.tiff", "XYZ/XYZ_0001.tiff", "QQQ/QQQ_0001.tiff"],
        ["ABE/NGB_00001.jpg", "NGB/ABE_00001.jpg"],
        ["lymphocyte/a.tif", "monocyte/b.tif", "basophil/c.tif"],
        ["control/AQK/a.tif", "disease/BCD/b.tif"],
        ["control/AQK/a.tif", "PML_RARA/aqk/b.tif"],
        ["Train/Basophil/a.jpg", "Train/Monocyte/b.jpg"],
        ["Original/Benign/1.jpg", "Original/Pro/2.jpg"],
        ["TRAIN/EOSINOPHIL/a.jpeg", "TRAIN/MONOCYTE/b.jpeg"],
        ["img/Im1_1.tif", "img/Im2_0.tif"],
    ],
)
def test_folders_that_only_look_similar_are_class_folders(
    files: list[str], tmp_path: Path, draw_all: DrawAll, readers: list[Reader]
) -> None:
    draw_all(tmp_path, files)
    assert [reader.name for reader in readers if reader.recognises(tmp_path)] == ["folder"]


def test_patterns_of_the_user_read_a_public_dataset_as_class_folders(
    tmp_path: Path, draw_all: DrawAll, read: Read
) -> None:
    draw_all(tmp_path, ACEVEDO)
    dataset = read(tmp_path, patient_pattern=r"_(\d+)")
    assert (dataset.reader, dataset.grouping) == ("folder", "patient")
    assert sorted(dataset.table["patient"]) == ["1", "2", "3", "4", "47"]


def test_a_stray_image_stops_the_reading(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, [*LMU, "MON/BAS_0002.tiff"])
    with pytest.raises(BenchError, match=r"MON/BAS_0002\.tiff: not in the layout of AML-Cytomorphology LMU, CODE/CODE"):
        read(tmp_path)


def test_a_nested_second_copy_is_refused_and_one_of_them_is_read(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, [*ACEVEDO, *(f"PBC_dataset_normal_DIB/{file}" for file in ACEVEDO)])
    with pytest.raises(BenchError, match=r"several places \(.*PBC_dataset_normal_DIB\), so cells may occur twice"):
        read(tmp_path)
    assert len(read(tmp_path / "PBC_dataset_normal_DIB").table) == len(ACEVEDO)


def test_hidden_files_are_left_out(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, [*ACEVEDO, "neutrophil/.DS_169663.jpg"])
    assert len(read(tmp_path).table) == len(ACEVEDO)


def test_hehr_has_patients_and_only_they_are_labelled(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    dataset = read(draw_all(tmp_path, HEHR), unit_pattern="(.)")
    assert list(dataset.table["patient"]) == ["XYZ", "BCD", "AQK", "AQK"]
    assert any("only patients are labelled: each cell takes the label of its patient" in n for n in dataset.notices)
    assert any("--unit-pattern is ignored" in notice for notice in dataset.notices)


def test_parts_of_raabin_are_sets_and_never_classes(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    table = read(draw_all(tmp_path, RAABIN)).table.set_index("cell")
    assert table["set"].to_dict() == {f: "train" if f.startswith("Train/") else "held-out" for f in RAABIN}
    alone = read(tmp_path / "Train")
    assert "set" not in alone.table
    assert list(alone.table["label"]) == ["Basophil", "Monocyte"]


def test_augmented_copies_of_one_source_image_are_one_unit(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    dataset = read(draw_all(tmp_path, BLOOD_CELLS))
    assert dataset.table.set_index("cell")["unit"].to_dict() == {
        "TEST/MONOCYTE/_0_99.jpeg": "0",
        "TRAIN/EOSINOPHIL/_0_187.jpeg": "0",
        "TRAIN/EOSINOPHIL/_0_207.jpeg": "0",
        "TRAIN/MONOCYTE/_17_5.jpeg": "17",
    }
    assert "set" not in dataset.table
    assert any(n.startswith("images left out: 1 (TEST_SIMPLE") for n in dataset.notices)
    assert "the parts of a split are pooled: TEST, TRAIN" in dataset.notices


def test_one_view_of_taleqani_is_read(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    dataset = read(draw_all(tmp_path, TALEQANI))
    assert all(cell.startswith("Original/") for cell in dataset.table["cell"])
    assert any("Original is read, and Segmented is left out" in notice for notice in dataset.notices)
    assert list(read(tmp_path / "Segmented").table["label"]) == ["Benign", "Early", "Pre", "Pro"]


def test_relations_between_datasets_are_reported(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    blood = read(draw_all(tmp_path / "a", ACEVEDO))
    assert "BloodMNIST is cut from these images: never test a model of one on the other" in blood.notices
    second = read(draw_all(tmp_path / "b", IDB2))
    assert any("ALL-IDB2 is cut from the images of ALL-IDB1" in notice for notice in second.notices)
    assert (second.positive, second.family) == ("ALL", "ALL-IDB")


def test_a_unit_pattern_groups_cells_without_patients(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    dataset = read(draw_all(tmp_path, ACEVEDO), unit_pattern="/([A-Z]+)_")
    assert dataset.grouping == "unit"
    assert list(dataset.table["unit"]) == ["BA", "IG", "MMY", "BNE", "NEUTROPHIL"]
    with pytest.raises(BenchError, match=r"--unit-pattern 'BA_\(\.\)' does not match 'ig/IG_2.jpg'"):
        read(tmp_path, unit_pattern="BA_(.)")


def test_a_class_folder_of_masks_is_left_out(tmp_path: Path, draw_all: DrawAll, read: Read) -> None:
    draw_all(tmp_path, [*ACEVEDO, *(f"masks/{file}" for file in ACEVEDO)])
    assert len(read(tmp_path, mask=str(tmp_path / "masks")).table) == len(ACEVEDO)


def test_the_user_guide_lists_every_public_dataset(points: dict[str, EntryPoint]) -> None:
    page = (Path(__file__).resolve().parents[5] / "docs/user_guide/public_datasets.md").read_text(encoding="utf-8")
    rows = {cells[1].strip(" `"): cells for line in page.splitlines() if len(cells := line.split("|")) == 7}
    facts = {n: getattr(load_class(point.value), "facts", None) for n, point in points.items()}
    public = {name: one for name, one in facts.items() if one is not None}
    assert set(public) | {"imagefolder"} == set(rows) - {"reader", "---"}
    for name, one in public.items():
        assert rows[name][2].strip() == one.title
        assert rows[name][5].strip().startswith("patients" if one.patients else "none")
