from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.datasets.readers import text_table
from bench.datasets.readers.text_table import MAX_BYTES, read_rows
from bench.errors import BenchError
from bench.storage import parquet_files


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
    with pytest.raises(BenchError, match=r"t\.csv: cannot be read \(268435457 bytes; at most 268435456 are read\)"):
        read_rows(file, required=["a"])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("target", "kind"), [(None, "named pipe"), ("/dev/zero", "device"), (".", "folder")])
def test_a_file_that_is_not_regular_is_refused(tmp_path: Path, suffix: str, target: str | None, kind: str) -> None:
    file = tmp_path / f"t.{suffix}"
    os.mkfifo(file) if target is None else file.symlink_to(target)
    with pytest.raises(BenchError, match=rf"t\.{suffix}: cannot be read \(a {kind}, not a regular file\)"):
        read_rows(file, required=["a"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a,b\n1,{'2' * 1_000_001}", "row 2: a line of more than 1000000 characters"),
        ("a" * 1_000_001, "row 1: a line of more than 1000000 characters"),
        (f"a,b\n1,2\n1,{'x' * 5000}\n", r"row 3: 'b' has 5000 characters \('x{77}\.\.\.'\); at most 4096 are read"),
        (f"a,b\n1,2\n1,'{'0' * 500}\n", r"row 3: 'b' is \"'0{76}\.\.\.\"; the apostrophe"),
        (f"{','.join(map(str, range(10_001)))}\n", "10001 columns; at most 10000 are read"),
        (f"{','.join(f'c{i}' for i in range(9000))}\n", r"no column 'a'\..* Its columns are: c0, .*c19, \.\.\."),
        (f"a,{'c' * 500},{'c' * 500}\n", r"the column 'c{77}\.\.\.' occurs twice"),
        ('a,b\n1,"' + "2,3\n" * 50_000, "row 2: malformed CSV .field larger than field limit"),
    ],
)
def test_long_lines_values_and_headers_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        read_rows(written(tmp_path, text), required=["a", "b"])
    assert len(str(caught.value)) < 600


def test_the_number_of_lines_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_table, "MAX_ROWS", 3)
    assert len(read_rows(written(tmp_path, "a\n1\n2\n"), required=["a"])) == 2
    for text in ("a\n1\n2\n3\n", "a\n1\n\n\n", "a\r1\r2\r3\r", "a\n'1\n2\n3'\n", "# 1\n# 2\na\n1"):
        with pytest.raises(BenchError, match=r"t\.csv: more than 3 lines; split the file"):
            read_rows(written(tmp_path, text), required=["a"], comments=True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_wide_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(BenchError, match=r"not UTF-8 text|there is no column 'a'"):
        read_rows(written(tmp_path, "a,b\n1,2\n", encoding), required=["a", "b"])


def test_line_ends_may_be_mixed(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "a,b\r\n1,2\n3,4\r5,6"), required=["a", "b"])
    assert rows.columns == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}
    assert rows.numbers == [2, 3, 4]


def text_columns(file: Path, values: object, **options: object) -> None:
    pq.write_table(pa.table({"a": values}), file, **options)


def test_limits_of_parquet_are_checked_in_the_footer(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    text_columns(file, pa.array([0] * 1_000_001, pa.int8()))
    with pytest.raises(BenchError, match="1000001 rows; at most 1000000 are read"):
        read_rows(file, required=["a"])
    text_columns(file, pa.array([["x"], []]))
    with pytest.raises(BenchError, match="the column 'a' holds lists or structures; text is expected"):
        read_rows(file, required=["a"])
    pq.write_table(pa.table({f"c{i}": [1] for i in range(10_001)}), file)
    with pytest.raises(BenchError, match="10001 columns; at most 10000 are read"):
        read_rows(file, required=["a"])
    file.write_bytes(b"PAR1" + bytes(100) + (2**31).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(BenchError, match="a Parquet footer of more than 16777216 bytes"):
        read_rows(file, required=["a"])
    file.write_bytes(b"PAR1" + bytes(100) + (50).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(BenchError, match="not a Parquet file of text columns"):
        read_rows(file, required=["a"])


def test_the_decompressed_size_of_parquet_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "MAX_UNPACKED", 100_000)
    file = tmp_path / "t.parquet"
    text_columns(file, ["x" * 500] * 1000, compression="zstd", use_dictionary=False)
    assert file.stat().st_size < 10_000
    with pytest.raises(BenchError, match="bytes when decompressed; at most 100000 are read"):
        read_rows(file, required=["a"])


def test_a_long_value_of_a_parquet_dictionary_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    values = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1, None] * 5000), ["x" * 4096, "y"])
    text_columns(file, values)
    column = read_rows(file, required=["a"]).columns["a"]
    assert column[:3] == ["y", "x" * 4096, "y"]
    assert len(column) == 15_000
    assert len(set(map(id, column))) == 2
    text_columns(file, pa.DictionaryArray.from_arrays(pa.array([0] * 5000), ["x" * 20_000]))
    with pytest.raises(BenchError, match="'a' has a value of 20000 bytes; at most 4096 characters are read"):
        read_rows(file, required=["a"])


@pytest.mark.parametrize("value", [b"\xff", b"x" * 1000])
def test_bytes_of_parquet_are_refused(tmp_path: Path, value: bytes) -> None:
    text_columns(tmp_path / "t.parquet", pa.array([None, value]))
    with pytest.raises(BenchError, match=r"row 2: the column 'a' cannot be read: b'.*is neither text nor a") as caught:
        read_rows(tmp_path / "t.parquet", required=["a"])
    assert len(str(caught.value)) < 400


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


@pytest.mark.parametrize(
    "column", [pa.array([2**62], pa.timestamp("us")), pa.array([1], pa.timestamp("s", tz="Nowhere/City"))]
)
def test_times_that_python_cannot_represent_are_refused(tmp_path: Path, column: pa.Array) -> None:
    file = tmp_path / "m.parquet"
    pq.write_table(pa.table({"path": ["a.png"], "label": ["x"], "patient": column}), file)
    with pytest.raises(BenchError, match=r"m\.parquet: the column 'patient' has values that cannot be read"):
        read_rows(file, required=("path", "label", "patient"), optional=())
