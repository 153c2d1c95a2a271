from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from bench.datasets.readers.text_table import MAX_BYTES, read_rows
from bench.errors import BenchError


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "t.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_values_stay_text(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "a,b\n007,NA\n1e3,null\n"), required=["a", "b"])
    assert rows.columns == {"a": ["007", "1e3"], "b": ["NA", "null"]}


@pytest.mark.parametrize("text", ["a;b\n1;2\n", "a\tb\n1\t2\n", "\ufeffa,b\r\n1,2\r\n", " a , b\n1,2"])
def test_dialects_of_spreadsheets(tmp_path: Path, text: str) -> None:
    assert read_rows(written(tmp_path, text), required=["a", "b"]).columns == {"a": ["1"], "b": ["2"]}


def test_row_numbers_are_those_of_an_editor(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, 'a,b\n1,2\n\n"two\nlines",3\n,\n5,6\n'), required=["a"], optional=["c"])
    assert rows.columns == {"a": ["1", "two\nlines", "5"]}
    assert rows.numbers == [2, 4, 7]
    assert rows.at(2) == f"{tmp_path / 't.csv'}, row 7"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("a,b\n", "the file has no rows"),
        ("\n\n", "there is no column 'a'"),
        ("A,b\n1,2\n", r"there is no column 'a'\. .*Its columns are: A, b"),
        ("aa,b\n1,2\n", r"there is no column 'a'\. Did you mean aa\?"),
        ("a,b,a\n1,2,3\n", "the column 'a' occurs twice"),
        ("a,b\n1,2\n3\n", "row 3: 1 fields, but the header has 2"),
        ("a,b\n1,2\n3,4,5\n", "row 3: 3 fields, but the header has 2"),
        ('a,b\n1,2\n3,"4\n5,6\n', "row 3: malformed CSV"),
        ('a,b\n1,2\n"3"x,4\n', "row 3: malformed CSV"),
        ('a,b,c\n1,2,"x\n3,4,y\n5,6,z"\n', "row 2: a quoted field spans 3 lines that look like rows of their own"),
        ('a;b;c\r\n1;2;x\r\n1;2;"x\r\n3;4;y"\r\n', "row 3: a quoted field spans 2 lines"),
        ('a,b\n1,"""2"""\n', "row 2: 'b' is '\"2\"'; the quotes are part of the value; remove them"),
        ('a,b\n1,="02"\n', "row 2: 'b' is '=\"02\"'; the quotes are part"),
        ('a,b\n1, "2"\n', "row 2: 'b' is ' \"2\"'; the quotes are part"),
        ("a,b\n1,'02\n", "row 2: 'b' is \"'02\"; the apostrophe is part"),
        ("a,b,B\n1,2,3\n", "'B' looks like a second column 'b'; rename it to 'b', or remove it"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        read_rows(written(tmp_path, text), required=["a", "b"])


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"not UTF-8 text \(byte 5\)"):
        read_rows(written(tmp_path, "a,b\n1é,2\n", "latin-1"), required=["a", "b"])


def test_a_large_file_is_refused_before_reading(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    with file.open("wb") as stream:
        os.truncate(stream.fileno(), MAX_BYTES + 1)
    with pytest.raises(BenchError, match=r"2\.0 GiB; the limit is 2 GiB"):
        read_rows(file, required=["a"])


def test_parquet_numbers_become_text_and_missing_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    patient = pd.array([7, None, 12], dtype="Int64")
    pd.DataFrame({"patient": patient, "label": pd.Categorical(["x", "y", None]), "other": 1.5}).to_parquet(file)
    rows = read_rows(file, required=["patient", "label"])
    assert rows.columns == {"patient": ["7", "", "12"], "label": ["x", "y", ""]}
    assert rows.at(2).endswith("t.parquet, row 3")


def test_empty_columns_at_the_end_are_skipped(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "a,b,,\n1,2,,\n,,,\n3,4,,\n"), required=["a", "b"])
    assert rows.columns == {"a": ["1", "3"], "b": ["2", "4"]}
    assert rows.present == ("a", "b", "", "")


def test_names_of_parquet_columns_have_no_space_around_them(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pd.DataFrame({"a": ["x"], "set ": ["train"]}).to_parquet(file)
    assert read_rows(file, required=["a"], optional=["set"]).columns == {"a": ["x"], "set": ["train"]}
    pd.DataFrame({"a": ["x"], "set ": ["train"], "set": ["train"]}).to_parquet(file)
    with pytest.raises(BenchError, match="the column 'set' occurs twice"):
        read_rows(file, required=["a"], optional=["set"])
    pd.DataFrame({"a": ["x"], "Set": ["train"]}).to_parquet(file)
    with pytest.raises(BenchError, match="'Set' looks like the column 'set' in another spelling"):
        read_rows(file, required=["a"], optional=["set"])


def test_a_csv_called_parquet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(BenchError, match="not a Parquet file"):
        read_rows(file, required=["a"])


def test_comments_above_the_header_are_skipped_on_request(tmp_path: Path) -> None:
    file = written(tmp_path, "# one, two; three\n#\na;b\n1;#2\n# 3;4\n")
    rows = read_rows(file, required=["a", "b"], comments=True)
    assert rows.columns == {"a": ["1", "# 3"], "b": ["#2", "4"]}
    assert rows.numbers == [4, 5]
    with pytest.raises(BenchError, match="there is no column 'a'"):
        read_rows(file, required=["a", "b"])
    with pytest.raises(BenchError, match=r"row 5: 1 fields, but the header has 2"):
        read_rows(written(tmp_path, "# one\n#\na,b\n1,2\n3\n"), required=["a"], comments=True)
    with pytest.raises(BenchError, match="there is no column 'a'"):
        read_rows(written(tmp_path, "# a,b\n"), required=["a"], comments=True)
