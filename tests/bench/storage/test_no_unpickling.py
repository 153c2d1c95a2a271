"""No file is unpickled: pickles pass between processes, and Numba reads those of a checked folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("bench", "extractors", "classifiers", "reports")
PICKLES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "skops"}
FROM_MEMORY = {
    "bench/plugins/objects.py: import cloudpickle",
    "bench/executors/worker_main.py: import pickle",
    "bench/executors/worker_process.py: import pickle",
}
"""Estimators of the caller, and tasks with their results, on their way between a process and its workers."""


def unpicklers(tree: ast.AST) -> Iterator[str]:
    """What a module imports or calls to read pickles."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.partition(".")[0] in PICKLES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLES:
            yield f"from {node.module}"
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name.endswith("read_pickle") or name in ("np.load", "numpy.load", "open_memmap"):
                yield name
            if options.get("allow_pickle", "False") != "False":
                yield f"{name} with allow_pickle"
            if name.endswith("torch.load") and options.get("weights_only") != "True":
                yield f"{name} without weights_only"


def test_no_module_reads_pickles_from_files() -> None:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 300
    read = {f"{f.relative_to(ROOT).as_posix()}: {use}" for f in files for use in unpicklers(ast.parse(f.read_text()))}
    assert read == FROM_MEMORY


@pytest.mark.parametrize(
    ("code", "use"),
    [
        ("import pickle", "import pickle"),
        ("from joblib import load", "from joblib"),
        ("pd.read_pickle(p)", "pd.read_pickle"),
        ("np.load(p)", "np.load"),
        ("np.lib.format.read_array(f, allow_pickle=True)", "np.lib.format.read_array with allow_pickle"),
        ("torch.load(p)", "torch.load without weights_only"),
        ("torch.load(p, weights_only=False)", "torch.load without weights_only"),
    ],
)
def test_each_way_is_found(code: str, use: str) -> None:
    assert list(unpicklers(ast.parse(code))) == [use]
