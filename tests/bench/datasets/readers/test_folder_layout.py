"""Layouts of image folders. `pytest -s -k table` prints the table of the documentation."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.datasets.readers.folder import FolderReader
from bench.datasets.readers.folder_layout import FIRST_FOLDER, SECOND_FOLDER, check_class_folders, is_part_of_split
from bench.datasets.table import ReadOptions
from bench.errors import BenchError

BY_FILE = r"/([^/_]+)_[^/]*$"
"""Patients named by the file, `P1_0.png`."""
BY_SECOND_FOLDER = r"^[^/]+/([^/]+)/"

LAYOUTS = [
    # layout, files, patient pattern, labels or part of the message
    ("class/image", "all/P1_0 hem/P2_0", BY_FILE, ["all", "hem"]),
    ("class/patient/image", "all/P1/0 all/P2/0 hem/P3/0 hem/P4/0", BY_SECOND_FOLDER, ["all", "all", "hem", "hem"]),
    ("class/patient/image, patients in every class", "all/P1/0 all/P2/0 hem/P1/0 hem/P2/0", BY_SECOND_FOLDER,
     ["all", "all", "hem", "hem"]),
    ("class/range/image", "all/0001-1000/P1_0 all/1001-2000/P2_0 hem/P3_0", BY_FILE, ["all", "all", "hem"]),
    ("class/class/image", "all/all/P1_0 hem/hem/P2_0", BY_FILE, ["all", "hem"]),
    ("class/images/image", "all/images/P1_0 hem/images/P2_0", BY_FILE, ["all", "hem"]),
    ("class/part/image", "all/train/P1_0 all/test/P2_0 hem/train/P3_0 hem/test/P4_0", BY_FILE,
     ["all", "all", "hem", "hem"]),
    ("part/class/image", "train/all/P1_0 train/hem/P2_0 valid/all/P3_0 valid/hem/P4_0 test/all/P5_0 test/hem/P6_0",
     BY_FILE, "the folders test, train, valid look like parts of a split"),
    ("part/class/image, upper case", "TRAIN/ALL/P1_0 TEST_SIMPLE/ALL/P2_0 TRAIN/HEM/P3_0", BY_FILE,
     "TEST_SIMPLE, TRAIN look like parts of a split"),
    ("part/class/image, words", "Train/Basophil/P1_0 TestA/Basophil/P2_0 TestB/Basophil/P3_0", BY_FILE,
     "TestA, TestB, Train look like parts of a split"),
    ("one part/class/image", "train/all/P1_0 train/hem/P2_0", BY_FILE, "the folder train looks like a part of a split"),
    ("part/image", "train/P1_all_0 test/P2_hem_0", r"/([^/_]+)_", "pass --label-pattern for the labels"),
    ("patient/class/image", "P1/all/0 P2/hem/0 P3/all/0 P4/hem/0", r"^([^/]+)/",
     f"the same folders (all, hem) repeat under 4 folders (P1, P2, P3, P4), so either may be the classes. Pass "
     f"--label-pattern '{SECOND_FOLDER}'"),
    ("patient/class/image, patients in the file name", "P1/all/P1_0 P1/hem/P1_1 P2/all/P2_0 P2/hem/P2_1", BY_FILE,
     "the same folders (all, hem) repeat under 2 folders"),
    ("kind/class/image", "Original/Early/P1_0 Original/Pro/P2_0 Segmented/Early/P1_0 Segmented/Pro/P2_0", BY_FILE,
     "the same folders (Early, Pro) repeat under 2 folders (Original, Segmented)"),
    ("archive/class/image", "cells/all/P1_0 cells/hem/P2_0", BY_FILE, "the only class folder is cells"),
    ("archive/archive/class/image", "data/data/all/P1_0 data/data/hem/P2_0", BY_FILE, "the only class folder is data"),
    ("class/image and a nested copy", "all/P1_0 hem/P2_0 cells/all/P1_0 cells/hem/P2_0", BY_FILE,
     "contains folders with the names of classes beside it (all, hem)"),
    ("images and masks/class/image", "images/all/P1_0 images/hem/P2_0 masks/all/P1_0 masks/hem/P2_0", BY_FILE,
     "2 of 4 images are in folders with the name of masks"),
    ("class/masks/image", "all/P1_0 all/masks/P1_0 hem/P2_0 hem/masks/P2_0", BY_FILE, "with the name of masks"),
    ("class/ground_truth/image", "all/P1_0 all/Ground_Truth/P1_0 hem/P2_0", BY_FILE, "1 of 3 images are in folders"),
    ("masks beside images", "all/P1_0 all/P1_0_mask hem/P2_0 hem/P2_0_mask", BY_FILE,
     "2 of 4 images have the name of a mask of another one, such as all/P1_0_mask.png beside all/P1_0.png"),
    ("class/@eaDir", "all/P1_0 all/@eaDir/P1_0.png/SYNOPHOTO_THUMB_M hem/P2_0", BY_FILE, ["all", "hem"]),
    ("class/thumbs/image", "all/P1_0 all/Thumbs/P1_0 hem/P2_0", BY_FILE, ["all", "hem"]),
    ("thumbnails beside images", "all/P1_0 all/P1_0_thumb hem/P2_0 hem/thumb_P2_0", BY_FILE, ["all", "hem"]),
    ("images outside class folders", "P1_0 hem/P2_0", r"([^/_]+)_", "the image is not in a class folder"),
]  # fmt: skip


def drawn(root: Path, files: str) -> Path:
    for file in files.split():
        path = root / f"{file}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def outcome(root: Path, patients: str, labels: str | None = None) -> list[str] | str:
    options = ReadOptions(patient_pattern=patients, label_pattern=labels)
    try:
        return FolderReader().read(root, options).table["label"].tolist()
    except BenchError as error:
        return str(error)


def test_table_of_layouts(tmp_path: Path, reading_page: str) -> None:
    lines = ["| layout | outcome |", "|---|---|"]
    for number, (layout, files, patients, expected) in enumerate(LAYOUTS):
        result = outcome(drawn(tmp_path / str(number), files), patients)
        assert (result == expected) if isinstance(expected, list) else (expected in result), (layout, result)
        shown = f"`{expected}`" if "^" in expected else expected  # a pattern is no Markdown
        refused = f"refused: {shown}" if isinstance(expected, str) else "the first folder is the class"
        lines.append(f"| {layout} | {refused} |")
    print("\n".join(lines))  # noqa: T201 (the table of the documentation)
    assert "\n".join(lines) in reading_page


@pytest.mark.parametrize(
    ("files", "labels", "expected"),
    [
        ("train/all/P1_0 train/hem/P2_0 test/all/P3_0", SECOND_FOLDER, ["all", "all", "hem"]),
        ("train/all/P1_0 test/hem/P2_0", FIRST_FOLDER, ["test", "train"]),
        ("P1/all/P1_0 P1/hem/P1_1 P2/all/P2_0 P2/hem/P2_1", SECOND_FOLDER, ["all", "hem", "all", "hem"]),
        ("site1/all/P1_0 site1/hem/P2_0 site2/all/P3_0 site2/hem/P4_0", FIRST_FOLDER, ["site1"] * 2 + ["site2"] * 2),
        ("x/P1_all_0 x/P2_hem_0", r"_(?P<label>all|hem)_(\d)", ["all", "hem"]),
        ("x/P1_all_0 x/P2_0", r"_(all|hem)_", "P2_0.png: --label-pattern '_(all|hem)_' does not match 'x/P2_0.png'"),
        ("x/P1_0 x/P2_0", "x", "--label-pattern 'x' has 0 groups; expected one, or one named label: (?P<label>...)"),
        ("x/P1_0 x/P2_0", "(", "--label-pattern '(' is not a regular expression"),
        ("x/P1_0 x/P2_0", "()x", "matches an empty label in 'x/P1_0.png'"),
    ],
)
def test_label_patterns(tmp_path: Path, files: str, labels: str, expected: list[str] | str) -> None:
    result = outcome(drawn(tmp_path, files), BY_FILE, labels)
    assert (result == expected) if isinstance(expected, list) else (expected in result)


def test_a_label_pattern_reads_a_flat_folder(tmp_path: Path) -> None:
    root = drawn(tmp_path, "P1_all_0 P2_hem_0")
    assert FolderReader().recognises(root)
    assert outcome(root, r"^([^_]+)_", r"^[^_]+_([^_]+)_") == ["all", "hem"]


def test_options_of_the_message_of_split_parts(tmp_path: Path) -> None:
    root = drawn(tmp_path, "train/all/P1_0 train/hem/P2_0 test/all/P3_0 test/hem/P4_0")
    message = outcome(root, BY_FILE)
    assert f"'{SECOND_FOLDER}' pools the parts, --data {root}/train --held-out {root}/test tests on one" in message
    assert f"--label-pattern '{FIRST_FOLDER}' reads these folders as classes" in message


def test_left_out_thumbnails_are_counted(tmp_path: Path) -> None:
    root = drawn(tmp_path, "all/P1_0 all/P1_1 all/P1_0_thumb hem/preview/P2_0 hem/P2_0 hem/P3_0")
    notices = FolderReader().read(root, ReadOptions(patient_pattern=BY_FILE)).notices
    assert notices == ("2 thumbnails were left out, such as all/P1_0_thumb.png",)


def test_a_pattern_that_matches_a_patient_for_each_cell_is_noticed(tmp_path: Path) -> None:
    root = drawn(tmp_path, "all/P1_0 all/P1_1 hem/P2_0")
    (notice,) = FolderReader().read(root, ReadOptions(patient_pattern=r"/([^/]+)\.png$")).notices
    assert notice == "--patient-pattern matches a different patient for each of the 3 cells"


def test_one_image_in_two_formats_is_refused(tmp_path: Path) -> None:
    root = drawn(tmp_path, "all/P1_0 hem/P2_0")
    (root / "all/P1_0.jpg").write_bytes(b"x")
    assert "files of one name in several formats, such as all/P1_0.jpg and all/P1_0.png: 1;" in outcome(root, BY_FILE)


@pytest.mark.parametrize(
    "name", ["train", "Training", "VALID", "val_2", "TestA", "test-set", "dev", "held-out", "TEST_SIMPLE"]
)
def test_names_of_parts_of_a_split(name: str) -> None:
    assert is_part_of_split(name)


@pytest.mark.parametrize("name", ["all", "hem", "testis", "trained", "value", "control", "P1", "0", "valve"])
def test_other_names_are_not_parts_of_a_split(name: str) -> None:
    assert not is_part_of_split(name)


def test_parts_of_a_split_below_the_classes_are_pooled_with_a_notice(tmp_path: Path) -> None:
    root = drawn(tmp_path, "all/train/P1_0 all/test/P1_1 hem/train/P3_0 hem/test/P4_0")
    (notice,) = FolderReader().read(root, ReadOptions(patient_pattern=BY_FILE)).notices
    assert notice == "the parts of a split in the class folders are pooled: test, train"


def test_the_time_is_linear_in_the_number_of_folders(tmp_path: Path) -> None:
    files = [f"c{number}/p{number}/1.png" for number in range(10_000)]
    begin = time.process_time()
    check_class_folders(tmp_path, files, [f"p{number}" for number in range(10_000)])
    assert time.process_time() - begin < 1
