"""Names in several forms. `pytest -s -k table` prints the table of the documentation."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.datasets.canonical_names import (
    canonical_text,
    joined_notice,
    known_spelling,
    matched_notice,
    name_key,
    one_spelling,
    text_of,
)
from bench.datasets.canonical_table import with_canonical_names
from bench.datasets.table import Dataset, cell_table
from bench.errors import BenchError

FORMS = [
    # two ways of writing, how they differ, the one name or None for two names
    ("M\u00fcller", "Mu\u0308ller", "Unicode NFC and NFD", "M\u00fcller"),
    ("\u212bngstr\u00f6m", "\u00c5ngstr\u00f6m", "\u00c5ngstr\u00f6m sign and letter", "\u00c5ngstr\u00f6m"),
    ("\uff30\uff11", "P1", "full-width characters", "P1"),
    ("P1\u200b", "P1", "zero-width space", "P1"),
    ("\ufeffP1", "P1", "byte-order mark", "P1"),
    ("P1 ", "P1", "space at the end", "P1"),
    ("P\u00a01", "P 1", "no-break space", "P 1"),
    ("P  1", "P 1", "two spaces", "P 1"),
    ("h3", "H3", "case", "H3"),
    ("ALL", "all", "case", "ALL"),
    ("stra\u00dfe", "STRASSE", "case folding", "STRASSE"),
    ("8", "8.0", "decimal zero", "8"),
    ("-1.00", "-1", "decimal zeros", "-1"),
    ("P\u20131", "P-1", "en dash", "P-1"),
    ("P\u20111", "P-1", "non-breaking hyphen", "P-1"),
    ("P\u22121", "P-1", "minus sign", "P-1"),
    ("O\u2019Brien", "O'Brien", "apostrophe", "O'Brien"),
    ("\u201cA\u201d 1", '"A" 1', "quotes", '"A" 1'),
    ("8", "8.5", "number", None),
    ("007", "7", "leading zeros", None),
    ("P-1", "P1", "sign", None),
    ("H11", "11", "prefix", None),
    ("1.1", "1.10", "version", None),
]


def test_table_of_forms(reading_page: str) -> None:
    """Each pair is one name or two, as the documentation states."""
    lines = ["| written | and | differ in | read as |", "|---|---|---|---|"]
    for one, other, difference, name in FORMS:
        spelling = one_spelling([one, other])
        assert spelling == ({one: name, other: name} if name else {one: one, other: other}), difference
        lines.append(f"| `{_visible(one)}` | `{_visible(other)}` | {difference} | {name or 'two names'} |")
    print("\n".join(lines))  # noqa: T201 (the table of the documentation)
    assert "\n".join(lines) in reading_page


def _visible(text: str) -> str:
    return text if text.isascii() and text == text.strip() else ascii(text)[1:-1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (float("nan"), ""), (np.float32("nan"), ""), (pd.NA, ""), (pd.NaT, ""), (Decimal("NaN"), ""),
        (8, "8"), (8.0, "8"), (np.float32(8), "8"), (np.int64(8), "8"), (Decimal("8.00"), "8"), (8.5, "8.5"),
        (np.float32(0.1), "0.1"), (-0.0, "0"), (1e15, "1000000000000000"), (True, "True"), (np.True_, "True"),
        (" x", " x"), ("nan", "nan"), (datetime.date(2020, 1, 2), "2020-01-02"),
        (pd.Timestamp("2020-01-02"), "2020-01-02"), (pd.Timestamp("2020-01-02 03:04"), "2020-01-02 03:04:00"),
    ],
)  # fmt: skip
def test_values_of_tables_as_text(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"x", 1e17, float("inf")])
def test_values_that_are_no_names_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"neither text nor a number|lost digits"):
        text_of(value)


def test_the_most_frequent_spelling_is_used_and_ties_are_sorted() -> None:
    assert one_spelling(["h3", "h3", "H3"]) == {"h3": "h3", "H3": "h3"}
    assert one_spelling(["h3", "H3"]) == one_spelling(["H3", "h3"]) == {"h3": "H3", "H3": "H3"}
    assert one_spelling([" 7", "7"]) == {" 7": "7", "7": "7"}


def test_a_notice_shows_spellings_that_look_the_same_by_their_code_points() -> None:
    notice = joined_notice(one_spelling(["M\u00fcller", "Mu\u0308ller", "h3", "H3", "x"]), "patient ids")
    assert notice is not None
    assert "'H3' and 'h3' as 'H3', 'Mu\\u0308ller' and 'M\\xfcller' as 'Müller'" in notice
    assert joined_notice(one_spelling(["a", "b"]), "labels") is None


def test_names_of_another_file_are_matched_with_one_known_name() -> None:
    known = ["H3", "h4", "H4", "8", "M\u00fcller"]
    spelling = known_spelling(["h3", "H4", "h4", "8.0", "Mu\u0308ller", "x"], known)
    assert spelling == {"h3": "H3", "8.0": "8", "Mu\u0308ller": "M\u00fcller"}
    assert "f.csv: names are matched without regard to case and Unicode form: 'h3' and 'H3'" in str(
        matched_notice(spelling, "f.csv")
    )
    assert known_spelling(["HEM"], ["hem", "Hem"]) == {}


def test_canonical_forms_do_not_change_twice() -> None:
    for one, other, *_ in FORMS:
        for text in (one, other):
            assert canonical_text(canonical_text(text)) == canonical_text(text)
            assert name_key(name_key(text)) == name_key(text) == name_key(canonical_text(text))


def _dataset(patients: list[str], labels: list[str] | None = None, **more: object) -> Dataset:
    names = [f"c{i}" for i in range(len(patients))]
    columns = {"cell": names, "path": names, "label": labels or ["a"] * len(patients), "patient": patients}
    return Dataset("d", "test", cell_table(**columns, **more), None)  # type: ignore[arg-type]


def test_patients_labels_and_folds_of_a_dataset_have_one_spelling() -> None:
    data = with_canonical_names(
        _dataset(["h3", "H3", "8", "8.0"], ["ALL", "all ", "hem", "HEM"], fold=["0", "0.0", "1", None])
    )
    assert data.table["patient"].tolist() == data.table["unit"].tolist() == ["H3", "H3", "8", "8"]
    assert data.table["label"].tolist() == ["ALL", "ALL", "HEM", "HEM"]
    assert data.table["fold"].tolist()[:3] == ["0", "0", "1"]
    assert data.table["fold"].isna().tolist() == [False] * 3 + [True]
    assert [notice.partition(" that differ only in case")[0] for notice in data.notices] == [
        "labels", "patient ids", "folds"
    ]  # fmt: skip


def test_links_of_renamed_patients_hold() -> None:
    data = _dataset(["h3", "H3", "H10", "x"], linked=(frozenset({"h3", "H10"}),))
    assert with_canonical_names(data).table["unit"].tolist() == ["H10+H3"] * 3 + ["x"]


def test_plain_names_are_unchanged() -> None:
    data = _dataset(["007", "7", "H3", "3"], ["b", "a", "a", "b"])
    assert with_canonical_names(data) == data


@pytest.mark.parametrize("word", ["nan", "NaN", "<NA>", "NaT", "null", "#N/A", " "])
@pytest.mark.parametrize("column", ["patient", "label"])
def test_words_for_missing_values_are_refused(word: str, column: str) -> None:
    values = [word, "p", word]
    data = _dataset(values) if column == "patient" else _dataset(["p", "q", "r"], values)
    with pytest.raises(
        BenchError, match=f"the {column} of 2 cells, such as c0, is '{word}', which stands for a missing"
    ):
        with_canonical_names(data)


@pytest.mark.parametrize("number", ["2.02301E+11", "1e+17", "2,02E+11", " 2.02E+11"])
def test_ids_that_a_spreadsheet_has_rounded_are_refused(number: str) -> None:
    with pytest.raises(BenchError, match=r"the patient of 2 cells, such as c0, is .* without its last digits"):
        with_canonical_names(_dataset([number, "p", number]))


@pytest.mark.parametrize("name", ["1E5", "2E-11", "E+11", "A1.5E+11", "202301000001"])
def test_ids_that_only_resemble_rounded_numbers_are_read(name: str) -> None:
    assert with_canonical_names(_dataset([name, "p"])).table["patient"][0] == name


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("P01", "\u042001"), ("p-1", "\u0440-1"), ("ALL", "\u0391LL"), ("cell", "\u0441ell"), ("HEM", "\u041dEM"),
        ("A3", "A\u0417"), ("\u0421\u041e\u041c", "\u0421OM"), ("OMA", "\u039f\u039c\u0391"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["patient", "label"])
def test_names_that_look_the_same_in_two_alphabets_are_refused(name: str, other: str, column: str) -> None:
    data = _dataset([name, other, "q"]) if column == "patient" else _dataset(["p", "q", "r"], [name, other, name])
    with pytest.raises(BenchError, match=r"which look the same in different alphabets") as caught:
        with_canonical_names(data)
    assert ascii(other) in str(caught.value)


@pytest.mark.parametrize(
    "names", [["\u043b\u0435\u0439\u043a\u043e\u0437", "leukemia"], ["\u03b2", "\u03b1"], ["P1", "P2"]]
)
def test_names_of_one_alphabet_each_are_read(names: list[str]) -> None:
    assert with_canonical_names(_dataset([*names, "z"])).table["patient"].tolist() == [*names, "z"]


@pytest.mark.parametrize("word", ["NA", "n/a", "None", "unknown", "-"])
def test_words_that_may_stand_for_unknown_patients_are_noticed(word: str) -> None:
    (notice,) = with_canonical_names(_dataset([word, word, "p"])).notices
    assert notice.startswith(f"the cells of '{word}' count as one patient")


@pytest.mark.parametrize(
    "word", ["NA", "n/a", "N.A.", "unknown", "Unk", "missing", "not available", "?", "\u2013\u2013"]
)
def test_labels_that_may_stand_for_a_missing_value_are_refused(word: str) -> None:
    with pytest.raises(
        BenchError, match=r"the label of 1 cells, such as c1, is .*, which may stand for a missing value"
    ):
        with_canonical_names(_dataset(["p", "q", "r"], ["a", word, "b"]))


@pytest.mark.parametrize("word", ["-", "\u2212", "None"])
def test_labels_that_may_be_negative_are_noticed(word: str) -> None:
    (notice,) = with_canonical_names(_dataset(["p", "q", "r"], ["a", word, word])).notices
    assert notice == f"the label {word!r} is a class; if it stands for an unknown label, leave its cells out"


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        ("NA", "stands for a missing value"), ("nan", "stands for a missing value"),
        ("-", "stands for a missing value"),
        ("None", "stands for a missing value"), ("n/a", "stands for a missing value"), ("-1", "--folds-file"),
        ("-1.0", "--folds-file"), ("\u22121", "--folds-file"), ("-2", "--folds-file"), ("Train", "the name of a set"),
        ("held_out", "the name of a set"),
    ],
)  # fmt: skip
def test_folds_that_are_no_folds_are_refused(fold: str, message: str) -> None:
    with pytest.raises(BenchError, match=f"the fold of 1 cells, such as c1, is .*{message}"):
        with_canonical_names(_dataset(["p", "q", "r"], fold=["0", fold, None]))


def test_parquet_frame_and_csv_give_the_same_names(tmp_path: Path) -> None:
    """A column of integers with a missing value elsewhere is one of floating-point numbers."""
    from bench.datasets.readers.frame import read_frame  # noqa: PLC0415
    from bench.datasets.readers.manifest import ManifestReader  # noqa: PLC0415
    from bench.datasets.table import ReadOptions  # noqa: PLC0415
    from bench.options.values import FrameSource  # noqa: PLC0415

    frame = pd.DataFrame({"path": ["0.png", "1.png", "2.png"], "label": [0, 1, 1.0], "patient": [7.0, 8.0, 12.0]})
    frame["set"] = ["Train", "train", "Held_Out"]
    frame["fold"] = [0, 1, None]
    for name in frame["path"]:
        (tmp_path / name).write_bytes(b"x")
    frame.to_csv(tmp_path / "m.csv", index=False)
    frame.to_parquet(tmp_path / "m.parquet")
    read = read_frame(FrameSource(frame, tmp_path), ReadOptions())
    assert read is not None
    tables = [ManifestReader().read(tmp_path / name, ReadOptions()) for name in ("m.csv", "m.parquet")]
    for dataset in (read[0], *tables):
        table = with_canonical_names(dataset).table
        assert table["patient"].tolist() == ["7", "8", "12"]
        assert table["label"].tolist() == ["0", "1", "1"]
        assert table["fold"].tolist()[:2] == ["0", "1"]
        assert table["set"].tolist() == ["train", "train", "held-out"]
