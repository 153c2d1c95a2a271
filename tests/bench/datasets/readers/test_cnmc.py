from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.datasets.links import joined
from bench.datasets.readers import cnmc
from bench.datasets.readers.cnmc import LINKED, CnmcReader
from bench.datasets.readers.cnmc_preliminary import FOLDER, LABELS
from bench.datasets.readers.selection import read_path
from bench.datasets.table import Dataset, ReadOptions
from bench.errors import BenchError

Draw = Callable[..., Path]

TRAINING = [
    "fold_0/all/UID_20_1_1_all.bmp",
    "fold_0/hem/UID_H30_1_1_hem.bmp",
    "fold_1/all/UID_30_1_1_all.bmp",
    "fold_1/hem/UID_h3_1_1_hem.bmp",
    "fold_2/all/UID_21_1_1_all.bmp",
    "fold_2/hem/UID_H10_2_1_hem.bmp",
]
PRELIMINARY = [("UID_57_29_1_all.bmp", "1.bmp", 1), ("UID_H49_35_1_hem.bmp", "2.bmp", 0)]


def read(path: Path, options: ReadOptions | None = None) -> Dataset:
    return read_path(str(path), options or ReadOptions(), readers=[CnmcReader()])[0]


def draw_training(draw: Draw, folder: Path) -> None:
    for seed, name in enumerate(TRAINING):
        draw(folder / name, seed)


def draw_preliminary(draw: Draw, images: Path, labels: Path, rows: object = PRELIMINARY) -> None:
    for seed, (_, name, _) in enumerate(PRELIMINARY):
        draw(images / name, 100 + seed)
    labels.mkdir(parents=True, exist_ok=True)
    with (labels / LABELS).open("w", newline="") as stream:
        csv.writer(stream).writerows([("Patient_ID", "new_names", "labels"), *rows])  # type: ignore[misc]


def test_the_link_table_is_that_of_the_identical_files(shared: Path) -> None:
    index = pd.read_csv(shared / "data/cnmc-manifest/train_index.csv", dtype=str)
    patients = index["patient"].str.upper()
    groups = [frozenset(g) for _, g in patients.groupby(index["sha256"]) if g.nunique() > 1]
    assert len(groups) == 99
    assert set(joined(groups)) == set(LINKED)


def test_the_complete_training_set_is_73_patients_and_66_units(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = pd.read_csv(shared / "data/cnmc-manifest/train_index.csv", dtype=str)
    listed = sorted("training_data/" + index["path"])
    monkeypatch.setattr(cnmc, "image_files", lambda root: listed)
    dataset = CnmcReader().read(tmp_path, ReadOptions())
    assert dataset.name == "cnmc-training"
    assert len(dataset.table) == 10661
    assert dataset.table["patient"].nunique() == 73
    assert dataset.table["unit"].nunique() == 66
    assert dataset.table["label"].value_counts().to_dict() == {"ALL": 7272, "HEM": 3389}
    assert dataset.table.groupby("label")["patient"].nunique().to_dict() == {"ALL": 47, "HEM": 26}
    expected = index.assign(path="training_data/" + index["path"]).set_index("path").loc[listed]
    assert list(dataset.table["fold"]) == list(expected["fold"])
    assert list(dataset.table["patient"]) == list(expected["patient"].str.upper())


def test_the_bare_sample(shared: Path) -> None:
    dataset = read(shared / "data/cnmc-sample")
    table = dataset.table
    assert (len(table), table["patient"].nunique(), table["unit"].nunique()) == (52, 26, 22)
    assert (dataset.positive, dataset.classes, dataset.reader) == ("ALL", ("ALL", "HEM"), "cnmc")
    assert set(table.loc[table["patient"].isin(["H2", "H4", "H5", "H6"]), "unit"]) == {"H2+H4+H5+H6"}
    assert table.loc[table["patient"] == "21", "unit"].unique().tolist() == ["21"]
    assert not table["patient"].str.contains("h").any()
    assert any("h3 is read as H3" in notice for notice in dataset.notices)


@pytest.mark.parametrize("inside", ["C-NMC_Leukemia/training_data", "C-NMC_training_data", "."])
def test_both_layouts_from_above_and_inside(inside: str, draw: Draw, tmp_path: Path) -> None:
    folds = tmp_path / "download" / inside
    draw_training(draw, folds)
    for path in {tmp_path / "download", folds.parent, folds} - {tmp_path}:
        table = read(path).table
        assert list(table["cell"]) == [Path(name).stem for name in TRAINING]
        assert list(table["fold"]) == ["0", "0", "1", "1", "2", "2"]
        assert list(table["patient"]) == ["20", "H30", "30", "H3", "21", "H10"]
        assert list(table["unit"]) == ["20+21", "H30", "30", "H10+H3", "20+21", "H10+H3"]
    one = read(folds / "fold_1").table
    assert list(one["patient"]) == ["30", "H3"]
    assert list(one["fold"]) == ["1", "1"]
    assert CnmcReader().recognises(folds / "fold_1" / "all")
    assert read(folds / "fold_1" / "all").classes == ("ALL",)


def test_names_of_parts(draw: Draw, tmp_path: Path) -> None:
    draw_training(draw, tmp_path / "C-NMC_training_data")
    assert read(tmp_path).name == "cnmc-training"
    assert read(tmp_path / "C-NMC_training_data" / "fold_2").name == "cnmc-training-fold_2"


def test_at_the_root_the_training_folds_are_read_and_the_rest_is_named(draw: Draw, tmp_path: Path) -> None:
    root = tmp_path / "C-NMC_Leukemia"
    draw_training(draw, root / "training_data")
    draw_preliminary(draw, root / "validation_data" / FOLDER, root / "validation_data")
    draw(root / "testing_data/C-NMC_test_final_phase_data/1.bmp", 200)
    dataset = read(root)
    assert len(dataset.table) == len(TRAINING)
    left = "images of the preliminary phase were left out: 2; to read them, pass "
    assert f"{left}{root / 'validation_data' / FOLDER}" in dataset.notices
    assert any("images of the final phase were left out, since it has no labels: 1 in" in n for n in dataset.notices)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("nested", [False, True])
def test_the_preliminary_phase_from_any_folder(draw: Draw, tmp_path: Path, depth: int, nested: bool) -> None:
    labels = tmp_path / "C-NMC_Leukemia/validation_data"
    images = labels / FOLDER / FOLDER if nested else labels / FOLDER
    draw_preliminary(draw, images, images.parent)
    dataset = read([images, labels, tmp_path][depth])
    assert list(dataset.table["cell"]) == ["prelim_1", "prelim_2"]
    assert list(dataset.table["patient"]) == ["57", "H49"]
    assert list(dataset.table["label"]) == ["ALL", "HEM"]
    assert "fold" not in dataset.table
    assert (dataset.name, dataset.positive) == ("cnmc-preliminary", "ALL")
    assert read(images.parent / LABELS).table.equals(dataset.table)


def test_labels_of_a_column_of_floating_point_numbers(draw: Draw, tmp_path: Path) -> None:
    draw_preliminary(draw, tmp_path / FOLDER, tmp_path, [(old, new, float(label)) for old, new, label in PRELIMINARY])
    assert list(read(tmp_path).table["label"]) == ["ALL", "HEM"]


def test_label_rows_without_an_image_are_counted(draw: Draw, tmp_path: Path) -> None:
    draw_preliminary(draw, tmp_path / FOLDER, tmp_path, [*PRELIMINARY, ("UID_58_1_1_all.bmp", "3.bmp", 1)])
    assert any("1 of the 3 rows" in notice for notice in read(tmp_path).notices)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (PRELIMINARY[:1], r"2\.bmp: the image has no row"),
        ([PRELIMINARY[0], PRELIMINARY[0]], "row 3: '1.bmp' occurs twice"),
        (
            [PRELIMINARY[0], ("UID_H49_35_1_hem.bmp", "2.bmp", 1)],
            "row 3: the class is ALL in labels but HEM in Patient_ID",
        ),
        (
            [PRELIMINARY[0], ("UID_H49_35_1_hem.bmp", "2.bmp", 2)],
            r"row 3: labels is '2'; expected 1 \(ALL\) or 0 \(HEM\)",
        ),
        ([PRELIMINARY[0], ("H49", "2.bmp", 0)], "row 3: Patient_ID is 'H49'"),
    ],
)
def test_a_wrong_label_file(draw: Draw, tmp_path: Path, rows: object, message: str) -> None:
    draw_preliminary(draw, tmp_path / FOLDER, tmp_path, rows)
    with pytest.raises(BenchError, match=message):
        read(tmp_path)


def test_a_missing_label_file(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / FOLDER / "1.bmp")
    with pytest.raises(BenchError, match=f"{LABELS} of the preliminary phase is missing; searched"):
        read(tmp_path)


def test_the_final_phase_has_no_labels(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "testing_data/C-NMC_test_final_phase_data/1.bmp")
    with pytest.raises(BenchError, match="the final phase of C-NMC has no public labels"):
        read(tmp_path / "testing_data")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fold_0/hem/UID_22_1_1_all.bmp", "the class is ALL in the file name but HEM in the folder name"),
        ("fold_0/all/UID_P22_1_1_all.bmp", "not named UID_<patient>"),
        ("fold_0/UID_22_1_1_all.bmp", "are in folders named all or hem, not fold_0"),
        ("fold_1/all/UID_20_1_1_all.png", "is a second copy of"),
    ],
)
def test_a_stray_image_stops_the_reading(draw: Draw, tmp_path: Path, name: str, message: str) -> None:
    draw_training(draw, tmp_path)
    draw(tmp_path / name)
    with pytest.raises(BenchError, match=message):
        read(tmp_path)


def test_other_folders_are_not_recognised(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "all/1.bmp")
    draw(tmp_path / "hem/2.bmp")
    assert not CnmcReader().recognises(tmp_path)
    assert not CnmcReader().recognises(tmp_path / "all" / "1.bmp")


def test_links_to_folders_are_not_followed_in_the_search_for_a_layout(tmp_path: Path) -> None:
    """Following 60 links of a folder to itself over three levels would visit 200,000 folders."""
    for number in range(60):
        (tmp_path / f"link{number}").symlink_to(".")
    begin = time.process_time()
    assert not CnmcReader().recognises(tmp_path)
    assert time.process_time() - begin < 0.5


def test_the_archive_of_tcia_from_above(draw: Draw, tmp_path: Path) -> None:
    root = tmp_path / "PKG - C-NMC 2019"
    draw_training(draw, root / "C-NMC_training_data")
    draw_preliminary(draw, root / FOLDER, root)
    draw(root / "C-NMC_test_final_phase_data/1.bmp", 200)
    dataset = read(root)
    assert (dataset.name, len(dataset.table)) == ("cnmc-training", len(TRAINING))
    assert sum("were left out" in notice for notice in dataset.notices) == 2


def test_a_copy_of_the_challenge(draw: Draw, tmp_path: Path) -> None:
    data = tmp_path / "isbi/data"
    draw_training(draw, data)
    draw_preliminary(draw, data / "phase2", tmp_path / "labels")
    (tmp_path / "labels" / LABELS).rename(data / "phase2.csv")
    draw(data / "phase3/1.bmp", 200)
    for path in (tmp_path / "isbi", data):
        dataset = read(path)
        assert list(dataset.table["patient"]) == ["20", "H30", "30", "H3", "21", "H10"]
        assert any(f"pass {data / 'phase2'}" in notice for notice in dataset.notices)
        assert any("images of the final phase were left out" in notice for notice in dataset.notices)
    for path in (data / "phase2", data / "phase2.csv"):
        assert CnmcReader().recognises(path)
    assert list(read(data / "phase2").table["patient"]) == ["57", "H49"]
    with pytest.raises(BenchError, match="the final phase of C-NMC has no public labels"):
        read(data / "phase3")


def test_a_folder_called_phase2_without_labels_is_no_test_phase(draw: Draw, tmp_path: Path) -> None:
    draw_training(draw, tmp_path / "phase2")
    assert len(read(tmp_path / "phase2").table) == len(TRAINING)


@pytest.mark.parametrize("upper", [False, True])
def test_repacked_copies_pool_the_parts_by_patient(draw: Draw, tmp_path: Path, upper: bool) -> None:
    merged = ["all/UID_20_1_1_all.bmp", "hem/UID_H30_1_1_hem.bmp"]
    for seed, name in enumerate(merged):
        draw(tmp_path / "a/train_merged" / name, seed)
    dataset = read(tmp_path / "a")
    assert (dataset.name, list(dataset.table["label"])) == ("cnmc-training", ["ALL", "HEM"])
    parts = ["train/all/UID_20_1_1_all.bmp", "val/hem/UID_H30_1_1_hem.bmp", "test/all/UID_20_1_2_all.bmp"]
    for seed, name in enumerate(parts):
        draw(tmp_path / "b/splits" / (name.replace("/all/", "/ALL/") if upper else name), seed)
    for path in (tmp_path / "b", tmp_path / "b/splits"):
        dataset = read(path)
        assert sorted(dataset.table["label"]) == ["ALL", "ALL", "HEM"]
        assert "set" not in dataset.table
        assert "fold" not in dataset.table
        assert any("the parts of a split are pooled (test, train, val)" in notice for notice in dataset.notices)


def test_two_layouts_of_the_same_cells_are_copies(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "train_merged/all/UID_20_1_1_all.bmp")
    draw(tmp_path / "splits/train/all/UID_20_1_1_all.bmp")
    with pytest.raises(BenchError, match="is a second copy of"):
        read(tmp_path)
