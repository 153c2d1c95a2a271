"""Reading and writing of JSON files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.storage.json_files import MAX_JSON, read_json, write_json


def test_json_round_trip(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None, "é"], "a": {"c": True}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert list(read_json(tmp_path / "x.json")) == ["b", "a"]
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert read_json(tmp_path / "x.json") == value


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff", "[" * 200_000, '{"a":' * 200_000])
def test_a_file_without_a_json_object_raises(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BenchError, match=r"x\.json: "):
        read_json(tmp_path / "x.json")
    with pytest.raises(BenchError, match=r"nowhere\.json: cannot be read"):
        read_json(tmp_path / "nowhere.json")


def test_a_json_file_that_is_too_large_raises(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as stream:
        stream.truncate(MAX_JSON + 1)
    with pytest.raises(BenchError, match=r"x\.json: cannot be read \(16777217 bytes; at most 16777216 are read\)"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' occurs twice"),
        ('{"b": [{"a": 1, "a": 1}]}', "the key 'a' occurs twice"),
        (f'{{"{"k" * 500}": 1, "{"k" * 500}": 1}}', r"the key 'k{77}\.\.\.' occurs twice"),
        ('{"a": NaN}', "NaN is not a number of JSON"),
        ('{"a": [-Infinity]}', "-Infinity is not a number of JSON"),
        ('{"a": 1e999}', "the number 1e999 is too large"),
        (f'{{"a": {"9" * 5000}}}', "4300"),
        ("[1]", "not a JSON object"),
    ],
)
def test_json_that_readers_would_disagree_on_raises(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BenchError, match=rf"x\.json: .*{message}"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize(("target", "kind"), [(None, "named pipe"), ("/dev/zero", "device"), (".", "folder")])
def test_a_json_file_that_is_not_regular_raises(tmp_path: Path, target: str | None, kind: str) -> None:
    path = tmp_path / "x.json"
    os.mkfifo(path) if target is None else path.symlink_to(target)
    with pytest.raises(BenchError, match=rf"x\.json: cannot be read \(a {kind}, not a regular file\)"):
        read_json(path)
