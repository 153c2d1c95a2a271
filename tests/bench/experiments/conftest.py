"""A small finished matrix, shared by the tests of this package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.datasets.phantom.reader import PhantomSpec, write_phantom

RunOptions = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="session")
def run_options() -> RunOptions:
    """Return the options of the small matrix for a copy of its folder."""

    def options(folder: Path) -> dict[str, Any]:
        paths = {"data": str(folder / "cells"), "out": folder / "results", "store": folder / "store"}
        return {**paths, "folds": 3, "inner_folds": 2, "repeats": 2, "seed": 5, "jobs": 1, "positive": "diseased"}

    return options


@pytest.fixture(scope="session")
def small_matrix(tmp_path_factory: pytest.TempPathFactory, run_options: RunOptions) -> Path:
    """Folder with `cells` (12 synthetic patients, 36 cells), `results` (two classifiers) and `store`; read-only."""
    folder = tmp_path_factory.mktemp("small-matrix")
    write_phantom(PhantomSpec(patients=6, cells=3, spread=0, size=64, seed=2), folder / "cells")
    bench.matrix(["size"], ["knn", "lightgbm[n_estimators=5]"], baselines=False, **run_options(folder))
    return folder
