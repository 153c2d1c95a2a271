"""Writing, reading and validation of fold manifests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.splits.fold_manifest import Folds, manifest_of, read_folds, write_folds
from bench.splits.outer_folds import draw_folds


def _table(patients: int = 6, cells: int = 3) -> pd.DataFrame:
    names = [f"{label}{n}" for label in "ab" for n in range(patients)]
    patient = np.repeat(names, cells)
    columns = {"cell": [f"c{i:03d}" for i in range(len(patient))], "patient": patient, "unit": patient}
    return pd.DataFrame({**columns, "label": [p[0] for p in patient]}).astype("str")


def _file(folder: Path, text: str) -> Path:
    (folder / "folds.csv").write_text(text)
    return folder / "folds.csv"


def test_the_splits_of_a_manifest_are_its_folds() -> None:
    table = _table()
    folds = draw_folds(table, split="patient", folds=4, repeats=2, seed=0)
    splits = list(folds.splits())
    assert [(repeat, fold) for repeat, fold, _, _ in splits] == [(r, f) for r in range(2) for f in range(4)]
    for repeat, fold, train, test in splits:
        rows = folds.table[(folds.table["repeat"] == repeat) & (folds.table["fold"] == fold)]
        assert list(table["cell"].iloc[test]) == list(rows["cell"])
        assert sorted([*train, *test]) == list(range(len(table)))


def test_untested_cells_are_training_cells_of_every_fold() -> None:
    table = _table(patients=2, cells=1)
    folds = Folds(manifest_of(table, {0: np.array([0, -1, 1, -1])}))
    assert folds.count == 2
    assert [(train.tolist(), test.tolist()) for _, _, train, test in folds.splits()] == [
        ([1, 2, 3], [0]), ([0, 1, 3], [2])
    ]  # fmt: skip


def test_cells_linked_to_test_cells_can_be_removed_from_training() -> None:
    table = _table(patients=2, cells=1).assign(unit=["a0+b0", "a1", "a0+b0", "b1"])
    assigned = {0: np.array([0, 0, 1, 1])}
    all_others = [train.tolist() for _, _, train, _ in Folds(manifest_of(table, assigned)).splits()]
    unlinked = [train.tolist() for _, _, train, _ in Folds(manifest_of(table, assigned), leaves_out=True).splits()]
    assert all_others == [[2, 3], [0, 1]]
    assert unlinked == [[3], [1]]


@pytest.mark.parametrize("split", ["patient", "image", "lopo"])
def test_a_file_gives_back_what_was_written(tmp_path: Path, split: str) -> None:
    table = _table()
    folds = draw_folds(table, split=split, folds=3, repeats=1 if split == "lopo" else 2, seed=1)
    write_folds(folds, tmp_path / "folds.csv")
    read = read_folds(tmp_path / "folds.csv", table)
    pd.testing.assert_frame_equal(read.table, folds.table)
    assert (read.hash, read.notices) == (folds.hash, ())
    lines = (tmp_path / "folds.csv").read_text().splitlines()
    assert lines[0] == f"# folds {folds.hash}"
    assert lines[1] == ("cell,patient,unit,repeat,fold" if split == "image" else "patient,unit,repeat,fold")
    assert len(lines) - 2 == {"patient": 24, "image": 72, "lopo": 12}[split]


def test_names_that_look_like_numbers_or_hold_commas_survive(tmp_path: Path) -> None:
    table = pd.DataFrame({"cell": list("wxyz"), "patient": ["007", "NA", "a,b", 'q"#']}).astype("str")
    table = table.assign(unit=table["patient"])
    folds = Folds(manifest_of(table, {0: np.array([0, 1, 0, 1])}))
    write_folds(folds, tmp_path / "folds.csv")
    assert read_folds(tmp_path / "folds.csv", table).hash == folds.hash


def test_a_file_of_other_cells_is_used_and_noticed(tmp_path: Path) -> None:
    write_folds(draw_folds(_table(cells=3), split="patient", folds=3), tmp_path / "folds.csv")
    read = read_folds(tmp_path / "folds.csv", _table(cells=4))
    assert read.count == 3
    assert "written for other cells or changed afterwards" in read.notices[0]


def test_handwritten_file_needs_patient_and_fold_only(tmp_path: Path) -> None:
    table = _table(patients=2)
    read = read_folds(_file(tmp_path, "# mine\n# ours\nfold;patient\n1;a0\n2;a1\n1;b0\n2;b1\n"), table)
    assert (read.count, read.repeats, read.notices) == (2, 1, ())
    assert dict(zip(read.table["patient"], read.table["fold"], strict=True)) == {"a0": 1, "a1": 2, "b0": 1, "b1": 2}


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("a0,0\na1,1\nb0,0\nb1,1\nb1,0\n", r"folds.csv, row 7: the patient 'b1' is in two folds \(1 and 0\)"),
        ("a0,0\na1,1\nb0,0\nb1,1\nb1,1\n", r"row 7: the patient 'b1' is twice in repeat 0"),
        ("a0,0\na1,1\nb0,0\n", r"repeat 0 lacks 1 patient \(b1\) of the data"),
        ("a0,0\na1,1\nb0,0\nb1,1\nzz,1\n", r"repeat 0 names 1 patient \(zz\) that are not in the data"),
        ("a0,0\na1,x\nb0,0\nb1,1\n", r"row 4: 'fold' is 'x'; expected an integer of at least -1"),
        ("a0,0\na1,-2\nb0,0\nb1,1\n", r"row 4: 'fold' is '-2'"),
        ("a0,0\na1,1e3\nb0,0\nb1,1\n", r"row 4: 'fold' is '1e3'"),
        ("a0,-1\na1,-1\nb0,-1\nb1,-1\n", r"repeat 0 has no test patients"),
        ("a0,0\na1,0\nb0,0\nb1,0\n", r"repeat 0 has one fold with all patients, so none are left"),
        ("a0,0,0\n", r"row 3: 3 fields, but the header has 2"),
        ("", r"the file has no rows"),
    ],
)
def test_errors_name_file_and_row(tmp_path: Path, rows: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        read_folds(_file(tmp_path, "# folds\npatient,fold\n" + rows), _table(patients=2))


def test_repeats_need_the_same_number_of_folds(tmp_path: Path) -> None:
    rows = [f"{p},{r},{int(p[1]) % (2 + r)}" for r in range(2) for p in ("a0", "a1", "a2", "b0", "b1", "b2")]
    with pytest.raises(BenchError, match="the same number of folds; repeat 0 has 2, repeat 1 has 3"):
        read_folds(_file(tmp_path, "\n".join(["patient,repeat,fold", *rows])), _table(patients=3))
    with pytest.raises(BenchError, match="'repeat' is '-1'"):
        read_folds(_file(tmp_path, "patient,repeat,fold\na0,-1,0\n"), _table(patients=3))


def test_a_file_by_cells_names_the_cells_that_are_missing(tmp_path: Path) -> None:
    table = _table(patients=1, cells=2)
    with pytest.raises(BenchError, match=r"repeat 0 lacks 1 cell \(c003\)"):
        read_folds(_file(tmp_path, "cell,patient,fold\nc000,a0,0\nc001,a0,1\nc002,b0,0\n"), table)


@pytest.mark.parametrize("other", ["b0", "zz", "a1", "", "a"])
def test_a_cell_of_another_patient_is_refused(tmp_path: Path, other: str) -> None:
    file = _file(tmp_path, f"cell,patient,fold\nc000,A0,0\nc001,{other},1\nc002,b0,0\nc003,b0,1\n")
    with pytest.raises(BenchError, match=f"row 3: the patient of the cell 'c001' is '{other}', but 'a0' in the data"):
        read_folds(file, _table(patients=1, cells=2))


@pytest.mark.parametrize("name", ["Repeat", "REPEAT", "repeat_", "Cell", "Fold", "Patient"])
def test_a_column_in_another_spelling_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError, match=f"folds.csv: '{name}' looks like"):
        read_folds(_file(tmp_path, f"patient,fold,{name}\na0,0,0\nb0,1,1\n"), _table(patients=1))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match=r"file/folds.csv: the folds cannot be written"):
        write_folds(draw_folds(_table(), split="patient", folds=3), tmp_path / "file" / "folds.csv")


@pytest.mark.parametrize(
    ("written", "known"),
    [("h3", "H3"), ("M\u00fcller", "Mu\u0308ller"), ("8.0", "8"), (" P1 ", "P1"), ("P1\u200b", "P1")],
)
def test_patients_are_matched_however_they_are_written(tmp_path: Path, written: str, known: str) -> None:
    patients = pd.DataFrame({"cell": ["x", "y"], "patient": [known, "q"], "unit": [known, "q"]}).astype("str")
    read = read_folds(_file(tmp_path, f"patient,fold\n{written},0.0\nq,1.0\n"), patients)
    assert read.table["patient"].tolist() == [known, "q"]
    assert read.table["fold"].tolist() == [0, 1]
    plain = written.strip() == known or written == "8.0"
    assert [("without regard to case" in notice) for notice in read.notices] == ([] if plain else [True])


def test_two_spellings_of_a_patient_are_a_second_row(tmp_path: Path) -> None:
    patients = pd.DataFrame({"cell": ["x", "y"], "patient": ["H3", "q"], "unit": ["H3", "q"]}).astype("str")
    with pytest.raises(BenchError, match=r"row 3: the patient 'H3' is in two folds \(0 and 1\) of repeat 0"):
        read_folds(_file(tmp_path, "patient,fold\nH3,0\nh3,1\nq,1\n"), patients)


def test_cells_that_differ_in_case_are_matched_as_written(tmp_path: Path) -> None:
    cells = pd.DataFrame({"cell": ["a.png", "A.png"], "patient": ["p", "q"], "unit": ["p", "q"]}).astype("str")
    read = read_folds(_file(tmp_path, "cell,patient,fold\na.png,p,0\nA.png,q,1\n"), cells)
    assert (read.table["fold"].tolist(), read.notices) == ([0, 1], ())
