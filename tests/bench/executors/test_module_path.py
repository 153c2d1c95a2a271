"""Files of the current folder that are named like modules are not run, neither by a command nor by its workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.executors.module_path import drop_current_folder, installed_first

STANDARD = ("multiprocessing", "pickle", "signal", "site", "subprocess", "threading", "typing", "warnings")
LIBRARIES = ("cv2", "numpy", "pandas", "sitecustomize", "sklearn", "threadpoolctl", "typer", "usercustomize")
ENTRY_POINTS = "[bench.extractors]\nsize = planted_plugin:Size\n[bench.classifiers]\nplanted = planted_plugin:Planted\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset beside a script of the command `bench`."""
    write_phantom(PhantomSpec(patients=4, cells=2, size=64, seed=3), tmp_path / "cells")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "bench").write_text("from bench.cli.app import main\nmain()\n")
    return tmp_path / "cells"


def _plant(folder: Path, *names: str) -> None:
    """Write modules that leave a mark when they are run, and an installed plugin."""
    for name in (*names, "planted_plugin"):
        (folder / f"{name}.py").write_text(f"open({str(folder / f'{name}.mark')!r}, 'w').close()\n")
    metadata = folder / "planted-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: planted\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)


def _run(command: list[str], folder: Path) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert (ended.returncode, [mark.name for mark in folder.glob("*.mark")]) == (0, []), ended.stderr
    return ended.stdout


def _matrix(folder: Path) -> list[str]:
    paths = ["--data", ".", "--out", str(folder.parent / "results"), "--store", str(folder.parent / "store")]
    folds = ["--folds", "2", "--inner-folds", "2"]
    return ["matrix", *paths, "--extractors", "size", "--clfs", "knn", "--no-baselines", *folds, "--jobs", "2"]


def test_a_command_and_its_workers_run_no_file_of_the_current_folder(folder: Path) -> None:
    _plant(folder, *STANDARD, *LIBRARIES)
    assert "size" in _run([sys.executable, str(folder.parent / "bin" / "bench"), *_matrix(folder)], folder)


def test_the_module_runs_no_library_or_plugin_of_the_current_folder(folder: Path) -> None:
    """Python itself runs files named like standard modules, before `bench` is imported."""
    _plant(folder, *LIBRARIES)
    assert "planted" not in _run([sys.executable, "-m", "bench", "list", "classifiers"], folder)


SCRIPT = f"""
import sys
from own_module import Own
from bench.executors.executor import open_executor
with open_executor(2, 1) as executor:
    for name in {(*STANDARD, *LIBRARIES)!r}:
        open(name + ".py", "w").write(f"open({{name!r}} + '.mark', 'w')")
    started = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import multiprocessing'], check=True)"
    futures = [executor.submit(Own().method, 2), executor.submit(exec, started)]
    print(*[future.result() for future in futures], "" in sys.path)
"""


@pytest.mark.parametrize("where", ["script", "standard input"])
def test_workers_of_a_script_run_its_modules_but_no_other_file_beside_it(folder: Path, where: str) -> None:
    """Files that appear beside a script after its imports are not run, nor by the programs that its tasks start."""
    (folder / "own_module.py").write_text("class Own:\n    def method(self, value):\n        return value + 1\n")
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"] if where == "script" else [sys.executable, "-c", SCRIPT]
    assert _run(command, folder) == f"3 None {where != 'script'}\n"


def test_only_the_current_folder_moves_in_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    toolkit = os.path.realpath(Path(__file__).parents[3])
    entries = ["", "lib", str(tmp_path), "/usr/lib", str(tmp_path / "link"), ".", toolkit]
    monkeypatch.setattr(sys, "path", list(entries))
    moved = [f"{tmp_path}/", str(tmp_path), str(tmp_path / "link"), f"{tmp_path}/."]
    assert installed_first() == [f"{tmp_path}/lib", "/usr/lib", toolkit, *moved]
    drop_current_folder()
    assert sys.path == ["lib", "/usr/lib", toolkit]
    monkeypatch.chdir(toolkit)
    drop_current_folder()
    assert sys.path == ["lib", "/usr/lib", toolkit]
