"""The digest of a large file is remembered, and never for longer than the file stays as it is."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from bench.storage import file_digests
from bench.storage.file_digests import cached_file_digest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CYTOBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"first")
    return path


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_read_once(cache: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cached_file_digest(weights) == _sha256(b"first")
    monkeypatch.setattr(file_digests, "file_digest", lambda path: "read again")
    assert cached_file_digest(weights) == _sha256(b"first")


def test_other_weights_of_one_size_and_one_time_are_told_apart(cache: Path, weights: Path) -> None:
    """Networks of one architecture have files of one size, and `cp -p` keeps the modification time."""
    times = (weights.stat().st_atime_ns, weights.stat().st_mtime_ns)
    assert cached_file_digest(weights) == _sha256(b"first")
    weights.write_bytes(b"other")
    os.utime(weights, ns=times)
    assert cached_file_digest(weights) == _sha256(b"other")
    known = json.loads((cache / "file-digests.json").read_text())
    assert list(known.values()) == [_sha256(b"other")], "what is past is forgotten"


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "\x00"])
def test_a_damaged_memory_is_begun_again(cache: Path, weights: Path, text: str) -> None:
    cache.mkdir()
    (cache / "file-digests.json").write_text(text)
    assert cached_file_digest(weights) == _sha256(b"first")
    assert list(json.loads((cache / "file-digests.json").read_text()).values()) == [_sha256(b"first")]


def test_where_nothing_can_be_remembered_the_digest_is_right_all_the_same(cache: Path, weights: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert cached_file_digest(weights) == _sha256(b"first")
