from __future__ import annotations

from pathlib import Path

import pytest

from bench.datasets.link_files import linked_by_file, read_links, write_links
from bench.datasets.table import Dataset, cell_table
from bench.errors import BenchError


def dataset(*patients: str, linked: tuple[frozenset[str], ...] = ()) -> Dataset:
    cells = [f"c{i}" for i in range(len(patients))]
    table = cell_table(cell=cells, path=cells, label=cells, patient=patients, linked=linked)
    return Dataset("d", "test", table, None, notices=("earlier",))


def file(folder: Path, text: str) -> Path:
    path = folder / "links.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_written_links_are_read_back(tmp_path: Path) -> None:
    pairs = [("1", "H1"), ('with, "comma"', "é")]
    write_links(tmp_path / "links.csv", pairs)
    assert read_links(tmp_path / "links.csv") == pairs


def test_linked_patients_share_a_unit_with_a_notice(tmp_path: Path) -> None:
    path = file(tmp_path, "patient_a,patient_b,note\na, b ,x\nb,c,y\nz,a,\n")
    linked = linked_by_file(dataset("a", "b", "c", "d"), path, read_links(path))
    assert list(linked.table["unit"]) == ["a+b+c"] * 3 + ["d"]
    assert linked.notices == (
        "earlier",
        f"{path} names patients that are not in the dataset: z",
        f"with {path}, linked patients share images or are named there and count as one split unit: a+b+c; "
        "4 patients are 2 split units",
    )


def test_links_that_exist_already_give_a_notice(tmp_path: Path) -> None:
    path = file(tmp_path, "patient_a,patient_b\nb,a\n")
    before = dataset("a", "b", "c", linked=(frozenset("ab"),))
    after = linked_by_file(before, path, read_links(path))
    assert after.table.equals(before.table)
    assert after.notices[-1] == f"{path} links no patients that were not linked already"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("patient_a,patient_b\nx,y\n", "d has none of its patients, such as 'x'"),
        ("patient_a,patient_b\na,b\na,\n", "row 3: each row names two patients, patient_a and patient_b"),
        ("patient_a,other\na,b\n", "there is no column 'patient_b'"),
        ("patient_a,patient_b\n", "the file has no rows"),
    ],
)
def test_a_file_that_links_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = file(tmp_path, text)
    with pytest.raises(BenchError) as caught:
        linked_by_file(dataset("a", "b"), path, read_links(path))
    assert message in str(caught.value)


def test_missing_and_unwritable_files(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        read_links(tmp_path / "none.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="the links cannot be written"):
        write_links(tmp_path / "file/links.csv", [])


def test_patients_of_links_are_matched_however_they_are_written(tmp_path: Path) -> None:
    path = file(tmp_path, "patient_a,patient_b\nh3,8.0\nMu\u0308ller, H3\n")
    linked = linked_by_file(dataset("H3", "8", "M\u00fcller", "d"), path, read_links(path))
    assert list(linked.table["unit"]) == ["8+H3+M\u00fcller"] * 3 + ["d"]
    assert linked.notices[1] == f"{path}: names are matched without regard to case and Unicode form: 'h3' and 'H3'"
