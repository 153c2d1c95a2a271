"""Creation of writable folders, and the cache folder of the user."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from bench.errors import BenchError
from bench.storage.folders import cache_dir, writable_folder


def test_a_folder_that_cannot_be_created_raises_with_the_option(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b", "--out").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"cannot be written .*--out"):
        writable_folder(tmp_path / "file" / "b", "--out")


def test_the_folder_of_the_variable_is_created_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "a" / "b"))
    assert cache_dir() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_the_default_is_the_user_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CYTOBENCH_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    assert cache_dir() == tmp_path / "cytobench"


def test_an_error_names_folder_and_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(BenchError, match=r"file/cache: cannot be written \(Not a directory\); .* CYTOBENCH_CACHE"):
        cache_dir()


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CYTOBENCH_CACHE", "here")
    assert cache_dir() == tmp_path / "here"
