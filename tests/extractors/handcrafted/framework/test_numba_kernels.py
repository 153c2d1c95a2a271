"""Compiled code that is kept: of one file only, right where it is damaged, and not needed."""

from __future__ import annotations

import ast
import errno
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile
from numba.core.dispatcher import Dispatcher

import extractors.handcrafted

SOURCE = """
from extractors.handcrafted.framework.numba_kernels import compiled


@compiled
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result
"""
VALUES = np.array([0.1, 0.2, 0.3])
TOTAL = 0.1 + 0.2 + 0.3


@pytest.fixture(autouse=True)
def code_beside_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever folder the environment names for compiled code."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")


def loaded(path: Path, source: str = SOURCE) -> ModuleType:
    """The file as a new process would import it."""
    path.write_text(source)
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cache_files(folder: Path, ending: str) -> list[Path]:
    return sorted((folder / "__pycache__").glob(f"*.{ending}"))


def hits(kernel: Any) -> int:
    return sum(kernel.stats.cache_hits.values())


def kernels(module: ModuleType) -> Iterator[Any]:
    for value in vars(module).values():
        kernel = getattr(value, "dispatcher", value)
        if isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == module.__name__:
            yield kernel


def test_numba_is_imported_at_the_first_call() -> None:
    code = (
        "import sys; from bench.plugins.registry import extractor; plugin = extractor('handcrafted'); plugin.build();"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def borrowed(module: ModuleType) -> set[str]:
    """What the kernels of a module use of other files of the toolkit: Numba keeps it as it was when it compiled."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("bench", "extractors")
        for alias in node.names
    }
    used = {name for kernel in kernels(module) for name in names_of(kernel.py_func.__code__)}
    return used & imported


def names_of(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(names_of(one) for one in inner))


MODULES = [result.name for result in pkgutil.walk_packages(extractors.handcrafted.__path__, "extractors.handcrafted.")]


@pytest.mark.parametrize("name", MODULES)
def test_kernels_use_their_own_file_only(name: str) -> None:
    assert borrowed(importlib.import_module(name)) == set()


def test_kernels_imported_from_other_files_are_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = "from extractors.handcrafted.lbp import GRID, _ones as ones\n" + SOURCE
    assert borrowed(loaded(tmp_path / "clean.py", source)) == set()
    assert borrowed(loaded(tmp_path / "called.py", source.replace("+= value", "+= ones(3) * value"))) == {"ones"}
    assert borrowed(loaded(tmp_path / "constant.py", source.replace("+= value", "+= GRID"))) == {"GRID"}


def test_all_kernels_have_the_same_settings() -> None:
    every = [kernel for name in MODULES for kernel in kernels(importlib.import_module(name))]
    assert len(every) > 20
    expected = {"nogil": True, "fastmath": False, "error_model": "numpy", "nopython": True, "boundscheck": None}
    for kernel in every:
        assert kernel.targetoptions == expected, kernel


def test_compiled_code_is_cached(tmp_path: Path) -> None:
    first = loaded(tmp_path / "kernel.py")
    assert first.total(VALUES) == TOTAL
    second = loaded(tmp_path / "kernel.py")
    assert second.total(VALUES) == TOTAL
    assert (hits(first.total), hits(second.total)) == (0, 1)


def test_a_changed_file_is_recompiled(tmp_path: Path) -> None:
    loaded(tmp_path / "kernel.py").total(VALUES)
    changed = loaded(tmp_path / "kernel.py", SOURCE.replace("0.0", "1.0"))
    assert changed.total(VALUES) == 1 + 0.1 + 0.2 + 0.3
    assert hits(changed.total) == 0


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "cut at once": lambda content: content[:20],
    "noise": lambda content: bytes(np.random.default_rng(0).integers(0, 256, len(content), dtype=np.uint8)),
}


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_recompiled(tmp_path: Path, ending: str, damage: str) -> None:
    loaded(tmp_path / "kernel.py").total(VALUES)
    [file] = cache_files(tmp_path, ending)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    repairing, repaired = loaded(tmp_path / "kernel.py"), loaded(tmp_path / "kernel.py")
    assert repairing.total(VALUES) == TOTAL
    assert repaired.total(VALUES) == TOTAL
    assert (hits(repairing.total), hits(repaired.total)) == (0, 1)


def test_a_missing_file_is_recompiled(tmp_path: Path) -> None:
    loaded(tmp_path / "kernel.py").total(VALUES)
    [code] = cache_files(tmp_path, "nbc")
    code.unlink()
    assert loaded(tmp_path / "kernel.py").total(VALUES) == TOTAL
    assert code.is_file()


def test_code_of_another_signature_is_not_taken(tmp_path: Path) -> None:
    # What is left where two processes each wrote the first file of the index.
    kernel = loaded(tmp_path / "kernel.py").total
    kernel(VALUES)
    kernel(VALUES.astype(np.float32))
    first, second = cache_files(tmp_path, "nbc")
    first.write_bytes(second.read_bytes())
    again = loaded(tmp_path / "kernel.py").total
    assert again(VALUES) == TOTAL
    assert again(np.array([2, 3], dtype=np.float32)) == 5


@pytest.mark.parametrize("method", ["_save_index", "_save_data"])
def test_a_full_disk_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(IndexDataCacheFile, method, full)
        assert loaded(tmp_path / "kernel.py").total(VALUES) == TOTAL
    assert cache_files(tmp_path, "nbc") == []
    assert loaded(tmp_path / "kernel.py").total(VALUES) == TOTAL
    assert len(cache_files(tmp_path, "nbc")) == 1


def test_a_deleted_folder_only_costs_time(tmp_path: Path) -> None:
    module = loaded(tmp_path / "kernel.py")
    assert module.total.dispatcher is not None, "it has chosen the folder"
    for file in (tmp_path / "__pycache__").iterdir():
        file.unlink()
    (tmp_path / "__pycache__").rmdir()
    (tmp_path / "__pycache__").touch()
    assert module.total(VALUES) == TOTAL


def run(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out


def test_without_a_folder_that_can_be_written_it_computes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "kernel.py").write_text(SOURCE)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import numpy, kernel; "
        "print(kernel.total(numpy.array([0.1, 0.2, 0.3])).hex(), type(kernel.total._cache).__name__)"
    )
    nowhere = {
        "NUMBA_CACHE_DIR": str(tmp_path / "file" / "x"),
        "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
    }
    assert output(run(code, **nowhere)).split() == [TOTAL.hex(), "NullCache"]


def test_two_processes_that_compile_at_the_same_time_agree(tmp_path: Path) -> None:
    caller = "@compiled\ndef twice(values):\n    return 2 * total(values)\n"
    (tmp_path / "kernel.py").write_text(f"{SOURCE}\n\n{caller}")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import numpy, kernel; "
        "print(kernel.twice(numpy.array([0.1, 0.2, 0.3])).hex(), sum(kernel.twice.stats.cache_hits.values()))"
    )
    both = [run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache")) for _ in range(2)]
    results = [output(process).split()[0] for process in both]
    assert results == [(2 * TOTAL).hex()] * 2
    assert output(run(code, NUMBA_CACHE_DIR=str(tmp_path / "cache"))).split() == [(2 * TOTAL).hex(), "1"]


def test_settings_in_the_current_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba would read pickles from the cache folder that they name."""
    module = loaded(tmp_path / "kernels.py")
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: pickles\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"the current folder contains \.numba_config\.yaml"):
        module.total(VALUES)
    (tmp_path / ".numba_config.yaml").unlink()
    assert module.total(VALUES) == TOTAL
