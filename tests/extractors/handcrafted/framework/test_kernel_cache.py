"""Compiled kernels are pickles, so they are read from a folder of the user's own only."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from extractors.cells import Cell
from extractors.handcrafted.framework import kernel_cache
from extractors.handcrafted.size import Size

SOURCE = """
from extractors.handcrafted.framework.numba_kernels import compiled


@compiled
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result
"""
VALUES = np.array([0.5, 2.0])
BOTH = ("beside the source", "NUMBA_CACHE_DIR", "user cache")
Insecure = Callable[[Path], None]


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setenv("CYTOBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kernel_cache, "_notices", [])
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "kernel.py").write_text(SOURCE)


def kernel(tmp_path: Path) -> Any:
    """The kernel as a new process would import it."""
    spec = spec_from_file_location("kernel", tmp_path / "package" / "kernel.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.total


def hits(total: Any) -> int:
    assert total(VALUES) == 2.5
    return sum(total.dispatcher.stats.cache_hits.values())


def planted(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache the kernel in one of the places and replace its files by traps; return their folder."""
    if where != "beside the source":
        (tmp_path / "package" / "__pycache__").touch()
    if where == "NUMBA_CACHE_DIR":
        monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "numba"))
    assert hits(kernel(tmp_path)) == 0
    assert hits(kernel(tmp_path)) == 1
    [index] = tmp_path.rglob("*.nbi")
    for file in (index, *index.parent.glob("*.nbc")):
        file.write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    return index.parent


def writable(folder: Path) -> None:
    folder.chmod(0o777)


def group_writable(folder: Path) -> None:
    folder.chmod(0o775)


def linked(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def replaceable(folder: Path) -> None:
    folder.parent.chmod(0o777)


INSECURE = (writable, group_writable, linked, replaceable)


@pytest.mark.parametrize("insecure", INSECURE)
@pytest.mark.parametrize("where", BOTH)
def test_files_of_others_are_not_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, insecure: Insecure
) -> None:
    insecure(planted(tmp_path, where, monkeypatch))
    assert hits(kernel(tmp_path)) == 0
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("where", BOTH)
def test_files_of_another_user_are_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    owner = planted(tmp_path, where, monkeypatch).stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert hits(kernel(tmp_path)) == 0
    assert not (tmp_path / "mark").exists()


def test_beside_an_insecure_folder_the_user_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(tmp_path, "beside the source", monkeypatch).chmod(0o777)
    assert [hits(kernel(tmp_path)) for _ in range(2)] == [0, 1]
    [folder] = (tmp_path / "cache" / "numba").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kernel_cache.cache_notices() == ()


def test_without_a_safe_folder_there_is_one_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = planted(tmp_path, "NUMBA_CACHE_DIR", monkeypatch)
    folder.chmod(0o777)
    assert [hits(kernel(tmp_path)) for _ in range(2)] == [0, 0]
    extractor = Size()
    extractor.transform([Cell("a", np.full((9, 9, 3), 9, np.uint8), np.ones((9, 9), np.bool_))])
    reason = f"({folder}: other users may write to it)"
    assert extractor.notices_ == (f"compiled kernels are not cached, so each process compiles them {reason}",)


def test_another_locator_of_numba_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NUMBA_CACHE_LOCATOR_CLASSES` selects locators that do not check their folder."""
    planted(tmp_path, "beside the source", monkeypatch).chmod(0o777)
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "InTreeCacheLocator")
    assert hits(kernel(tmp_path)) == 0
    assert not (tmp_path / "mark").exists()
