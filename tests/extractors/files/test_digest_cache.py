"""Digests of large files are cached until the file changes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from extractors.files import digest_cache
from extractors.files.digest_cache import cached_file_digest


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
    monkeypatch.setattr(digest_cache, "file_digest", lambda path: "read again")
    digest_cache._digest.cache_clear()  # as in another process
    assert cached_file_digest(weights) == _sha256(b"first")


def test_a_change_that_keeps_size_and_time_is_detected(cache: Path, weights: Path) -> None:
    """Networks of one architecture have files of one size, and `cp -p` keeps the modification time."""
    times = (weights.stat().st_atime_ns, weights.stat().st_mtime_ns)
    assert cached_file_digest(weights) == _sha256(b"first")
    weights.write_bytes(b"other")
    os.utime(weights, ns=times)
    assert cached_file_digest(weights) == _sha256(b"other")
    known = json.loads((cache / "file-digests.json").read_text())
    assert list(known.values()) == [_sha256(b"other")], "the stale digest is removed"


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', "\x00"])
def test_a_damaged_cache_is_rebuilt(cache: Path, weights: Path, text: str) -> None:
    cache.mkdir()
    (cache / "file-digests.json").write_text(text)
    assert cached_file_digest(weights) == _sha256(b"first")
    assert list(json.loads((cache / "file-digests.json").read_text()).values()) == [_sha256(b"first")]


def test_without_a_writable_cache_a_process_reads_the_file_once(
    cache: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("a file where the folder should be")
    assert cached_file_digest(weights) == _sha256(b"first")
    monkeypatch.setattr(digest_cache, "file_digest", lambda path: "read again")
    assert cached_file_digest(weights) == _sha256(b"first")
