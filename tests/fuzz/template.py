"""Valid cells, results, store and cache from which hostile inputs are made; made once for each session."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

CELLS = 16


def make_template(folder: Path) -> Path:
    """Make the template in a new folder, once for all processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            _cells(folder / "cells")
            _in_fork(folder)
            (folder / "done").touch()
    return folder


def _cells(folder: Path) -> None:
    """Eight patients of two classes with two cells each."""
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[:24, :24]
    rows = ["path,label,patient"]
    for number in range(CELLS):
        disc = np.hypot(y - 12, x - 12) < 6 + number % 4
        noise = np.random.default_rng(number).integers(90, 200, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(noise * disc[..., None].astype(np.uint8)).save(folder / f"cell{number:02d}.png")
        rows.append(f"cell{number:02d}.png,{'ab'[number // 8]},p{number // 2}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")


def _in_fork(folder: Path) -> None:
    """Run a small matrix in a process of its own, so that this one stays without threads."""
    pid = os.fork()
    if pid:
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise RuntimeError(f"the template could not be made: {(folder / 'log').read_text()}")
        return
    code = 1
    try:
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(CYTOBENCH_CACHE=str(folder / "cache"), HF_HUB_OFFLINE="1")
        _matrix(folder)
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _matrix(folder: Path) -> None:
    from bench.cli.app import main  # noqa: PLC0415 (loaded in the fork only)
    from extractors.networks.weights.registry import model_names  # noqa: PLC0415 (as above)

    data, out, store = str(folder / "cells"), str(folder / "results"), str(folder / "store")
    commands = (
        ("matrix", "--data", data, "-x", "size", "-c", "knn,prior", "--no-baselines", "--folds", "2", "--inner-folds",
         "2", "--repeats", "1", "--jobs", "1", "--out", out, "--store", store),
        ("report", out, "-o", str(folder / "page.html")),
        ("score", out),
        ("compare", out),
        ("folds", data, "--folds", "2"),
    )  # fmt: skip
    for arguments in commands:
        sys.argv = ["bench", *arguments]
        main_exit(main)
    (folder / "modules").write_text("\n".join(sys.modules))
    model_names()  # the list of models is kept in the cache


def main_exit(main: Callable[[], None]) -> None:
    """Call the command line; raise where it does not exit with 0."""
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise RuntimeError(f"{sys.argv}: exit code {stop.code}") from stop
