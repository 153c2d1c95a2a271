"""The key of an experiment depends on the code that computes its result, not on the names of modules."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.experiments.experiment import ENGINE
from bench.storage.fingerprints import code_digest

ROOT = Path(__file__).resolve().parents[3]

DIGEST = "from bench.storage.fingerprints import code_digest; print(code_digest(*{modules}))"


def _engine_digest(tree: Path, modules: tuple[str, ...] = ENGINE) -> str:
    code = DIGEST.format(modules=modules)
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages that a fold imports."""
    for package in ("bench", "classifiers", "extractors"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("extractors/seeds.py", "% 2**31", "% 2**30"),
        ("bench/plugins/plugin.py", "if k in self.accepts}", "if k in self.accepts and v}"),
        ("bench/features/store/entry.py", "def open_features(", "def open_features(again: bool = False, *, "),
        ("bench/evaluation/trained_pipeline.py", "_ROUNDING = 1e-4", "_ROUNDING = 1e-3"),
        ("bench/scores/metric_functions.py", "return", "return 2 *"),
    ],
)
def test_an_edit_of_what_a_fold_uses_changes_the_key(tree: Path, file: str, old: str, new: str) -> None:
    assert _engine_digest(tree) == code_digest(*ENGINE)
    _edit(tree / file, old, new)
    assert _engine_digest(tree) != code_digest(*ENGINE)


def test_an_edit_of_what_no_fold_uses_changes_no_key(tree: Path) -> None:
    _edit(tree / "bench/cli/app.py", "import", "import json\nimport")
    assert _engine_digest(tree) == code_digest(*ENGINE)


def test_renaming_modules_changes_no_key(tree: Path) -> None:
    """A module, a package and the module of a plugin move; all imports follow."""
    moves = {
        "bench.features.store.entry": "bench.features.store.stored_entry",
        "bench.scores.metric_functions": "bench.statistics.functions",
        "bench.evaluation.fold": "bench.evaluation.outer_fold",
    }
    for old, new in moves.items():
        (tree / old.replace(".", "/")).with_suffix(".py").rename((tree / new.replace(".", "/")).with_suffix(".py"))
    for file in tree.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for old, new in moves.items():
            text = text.replace(f"from {old} import", f"from {new} import")
        text = text.replace("from bench.scores import metric_functions", "from bench.statistics import functions")
        text = text.replace("metric_functions.", "functions.")
        file.write_text(text, encoding="utf-8")
    modules = tuple(moves.get(name, name) for name in ENGINE)
    assert modules != ENGINE
    assert _engine_digest(tree, modules) == code_digest(*ENGINE)
