"""NIH malaria: patients of the official files, or of the file names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bench.datasets.readers.public.malaria_patients import read_patients
from bench.datasets.table import Dataset
from bench.errors import BenchError

Read = Callable[..., Dataset]
DrawAll = Callable[[Path, Iterable[str]], Path]

FILES = [
    "Parasitized/C33P1thinF_IMG_20150619_114756a_cell_179.png",
    "Parasitized/C33P1thinF_IMG_20150619_114756a_cell_180.png",
    "Parasitized/C100P61ThinF_IMG_20150918_144104_cell_162.png",
    "Uninfected/C33P1thinF_IMG_20150619_114756a_cell_5.png",
    "Uninfected/C2NThinF_IMG_20150604_114751_cell_1.png",
]
NAMES = [Path(file).name for file in FILES]


@pytest.fixture
def cells(tmp_path: Path, draw_all: DrawAll) -> Path:
    draw_all(tmp_path / "cell_images", FILES[:4])
    (tmp_path / "cell_images/Parasitized/Thumbs.db").touch()
    return tmp_path


def official(folder: Path, parasitized: str, uninfected: str) -> None:
    (folder / "patientid_cellmapping_parasitized.csv").write_text(parasitized)
    (folder / "patientid_cellmapping_uninfected.csv").write_text(uninfected)


def listed(*names: str) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def test_patients_of_the_file_names(cells: Path, read: Read) -> None:
    dataset = read(cells)
    assert (dataset.reader, dataset.positive, dataset.grouping) == ("malaria", "Parasitized", "patient")
    assert list(dataset.table["patient"]) == ["C100P61", "C33P1", "C33P1", "C33P1"]
    assert list(dataset.table["label"]) == ["Parasitized"] * 3 + ["Uninfected"]
    assert any("the patients are those of the file names, such as C100P61" in notice for notice in dataset.notices)


@pytest.mark.parametrize("place", ["cell_images", "."])
def test_patients_of_the_official_files(cells: Path, read: Read, place: str) -> None:
    official(
        cells / place,
        f"C33P1,{listed(*NAMES[:2])},,,\nC100,{listed(NAMES[2])},,,,\n",
        f'C33P1,"{listed(NAMES[3], "C9P9_IMG_1_cell_1.png")}"\n',
    )
    dataset = read(cells / "cell_images")
    assert list(dataset.table["patient"]) == ["C100", "C33P1", "C33P1", "C33P1"]
    assert not any("file names" in notice for notice in dataset.notices)


def test_ids_with_file_names_of_one_patient_are_linked(cells: Path, read: Read) -> None:
    official(cells, f"A,{listed(*NAMES[:2])}\nC100,{listed(NAMES[2])}\n", f"B,{listed(NAMES[3])}\n")
    dataset = read(cells)
    assert list(dataset.table["patient"]) == ["C100", "A", "A", "B"]
    assert list(dataset.table["unit"]) == ["C100", "A+B", "A+B", "A+B"]
    assert "patients of several ids with file names of one patient are linked: A and B" in dataset.notices


def test_an_image_without_a_row_and_a_missing_file(cells: Path, read: Read) -> None:
    official(cells, f"A,{listed(*NAMES[:2])}\n", f"A,{listed(NAMES[3])}\n")
    with pytest.raises(BenchError, match=r"C100P61ThinF.*_cell_162\.png: the image is not in .*_parasitized\.csv"):
        read(cells)
    (cells / "patientid_cellmapping_uninfected.csv").unlink()
    with pytest.raises(BenchError, match=r"parasitized\.csv: the official file patientid_cellmapping_uninfected\.csv"):
        read(cells)


def test_a_name_without_a_patient_is_refused(cells: Path, read: Read, draw_all: DrawAll) -> None:
    draw_all(cells / "cell_images", FILES)
    with pytest.raises(BenchError, match=r"C2NThinF.*: not in the layout of NIH malaria"):
        read(cells)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A,['x.png'\n", r"row 1: .* expected a patient and a list of images"),
        ("A,'x.png'\n", "row 1: .* expected a patient and a list"),
        (",['x.png']\n", "row 1: .* expected a patient and a list"),
        ("A,['x.png'],B\n", "row 1: .* expected a patient and a list"),
        ("A,['x.png']\nB,[__import__('os')]\n", "row 2: .* is not the quoted name"),
        ("A,['x.png']\nB,['x.png']\n", r"row 2: 'x\.png' is an image of B, but an earlier row lists it for A"),
        ("\n,,,\n", "lists no image"),
    ],
)
def test_malformed_official_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(text)
    with pytest.raises(BenchError, match=message):
        read_patients(file)


def test_lines_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text('C1P1,[\'a.png\', "b.png"],,,\n\n"C2P2","[\'c.png\']"\nC3P3,[]\n')
    assert read_patients(file) == {"a.png": "C1P1", "b.png": "C1P1", "c.png": "C2P2"}
