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
    with pytest.raises(BenchError, match=r"x\.json: 256 MiB; at most 256 MiB"):
        read_json(tmp_path / "x.json")


def test_a_pipe_at_the_path_of_a_json_file_raises(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(BenchError, match=r"x\.json: not a regular file"):
        read_json(tmp_path / "x.json")
