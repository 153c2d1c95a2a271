"""A training that is killed resumes after its last complete epoch, and predicts like an undisturbed one bit for bit."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from extractors.networks.training.progress import FILE

SCRIPT = Path(__file__).parent / "fit_network.py"
ROOT = Path(__file__).parents[2]
OPTIONS: dict[str, dict[str, Any]] = {
    "early stopping": {"epochs": 10, "patience": 4, "augment": ["flips", "stain"], "balance": "oversample"},
    "stages": {"sizes": "32:4+48:4", "stages": "head:2+all:6", "mixup": 0.3, "head": "fastai"},
    "swa": {"epochs": 8, "average": "swa", "patience": 0, "select": "last", "learning_rate": "find"},
    "ema": {"epochs": 8, "average": "ema", "monitor": "auroc", "accumulate": 2, "schedule": "one_cycle"},
}


@pytest.fixture(scope="module")
def fits() -> Iterator[subprocess.Popen[str]]:
    """Process that fits networks in forked processes and kills them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _fit(fits: subprocess.Popen[str], folder: Path, options: dict[str, Any], seconds: float | None = None) -> int:
    """Fit in a process that is killed after some seconds, or never; return its exit code."""
    folder.mkdir(exist_ok=True)
    assert fits.stdin is not None
    assert fits.stdout is not None
    fits.stdin.write(json.dumps([str(folder), options, seconds]) + "\n")
    fits.stdin.flush()
    return int(fits.stdout.readline())


def _saved_seconds(folder: Path) -> list[float]:
    """Return the measured time of each epoch in the checkpoint."""
    file = folder / "checkpoint" / FILE
    return [row["seconds"] for row in torch.load(file, weights_only=True)["curves"]] if file.exists() else []


def _table(folder: Path, name: str) -> pd.DataFrame:
    return pd.DataFrame(json.loads((folder / f"{name}.json").read_text()))


@pytest.mark.parametrize(
    ("name", "kills"),
    [
        ("stages", 2),
        *(pytest.param(name, 10, marks=[pytest.mark.chaos, pytest.mark.timeout(1800)]) for name in OPTIONS),
    ],
)
def test_a_killed_fit_predicts_like_an_undisturbed_one(
    name: str, kills: int, tmp_path: Path, fits: subprocess.Popen[str]
) -> None:
    options, rng, calm = OPTIONS[name], random.Random(5), tmp_path / "calm"  # noqa: S311 (times of kills)
    assert _fit(fits, calm, options) == 0
    start = time.monotonic()
    assert _fit(fits, tmp_path / "timed", options) == 0
    seconds = time.monotonic() - start
    delays = (rng.uniform(0, seconds) for _ in itertools.count())
    hit = rounds = 0
    while hit < kills:
        rounds += 1
        assert rounds <= 2 * kills + 3, "most fits end before they are killed"
        wild = tmp_path / f"wild{rounds}"
        hit += _kill_until_done(fits, wild, options, delays, kills - hit)
        np.testing.assert_array_equal(np.load(wild / "predictions.npy"), np.load(calm / "predictions.npy"))
        for table in ("curves", "finder"):
            left, right = (_table(folder, table).drop(columns="seconds", errors="ignore") for folder in (wild, calm))
            pd.testing.assert_frame_equal(left, right, check_exact=True)


def _kill_until_done(
    fits: subprocess.Popen[str], folder: Path, options: dict[str, Any], delays: Iterator[float], kills: int
) -> int:
    """Kill fits at random times until one ends, at most `kills`; return how many were killed."""
    hit = 0
    while hit < kills:
        before = _saved_seconds(folder)
        code = _fit(fits, folder, options, next(delays))
        # The measured times show that epochs in the checkpoint are not trained again.
        assert _saved_seconds(folder)[: len(before)] == before
        if code == 0:
            return hit
        assert code == -signal.SIGKILL
        hit += 1
    assert _fit(fits, folder, options) == 0
    return hit


def _bench(folder: Path, jobs: int = 1) -> subprocess.Popen[str]:
    """Start an experiment with a network; `folder` is beside the cells."""
    network = "cnn[size=32,epochs=12,patience=0,batch_size=4]"
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "run", "--data", str(folder.parent / "cells"), "--positive", "diseased",
         "--classifier", network, "--folds", "2", "--inner-folds", "2", "--jobs", f"{jobs}", "--device", "cpu",
         "--out", str(folder / "results"), "--store", str(folder / "store")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CYTOBENCH_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def _wait_for_epochs(folder: Path, process: subprocess.Popen[str], fit: str) -> list[dict[str, Any]]:
    """Wait until a fit of the first fold has saved some epochs; return them, with their seconds."""
    while process.poll() is None:
        for file in (folder / "results").rglob(f"repeat0-fold0/{fit}/{FILE}"):
            with contextlib.suppress(OSError):  # removed at the end of the fold
                curves: list[dict[str, Any]] = torch.load(file, weights_only=True)["curves"]
                if 2 <= len(curves) < 12:
                    return curves
        time.sleep(0.02)
    raise AssertionError(process.communicate()[0])


def _alive(session: int) -> list[int]:
    """Processes of a session and of its children that have not ended."""
    found = []
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            state, parent, _, own, *_ = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            if state != "Z" and session in (int(parent), int(own)):
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are read from /proc")
@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "code", "jobs"), [(signal.SIGKILL, -9, 1), (signal.SIGINT, 130, 1), (signal.SIGINT, 130, 2)]
)
def test_a_killed_or_interrupted_experiment_trains_the_missing_epochs_alone(
    number: int, code: int, jobs: int, tmp_path: Path
) -> None:
    write_phantom(PhantomSpec(patients=8, cells=4, spread=0, size=48, seed=2), tmp_path / "cells")
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    undisturbed = _bench(calm)
    assert "Traceback" not in undisturbed.communicate()[0]
    assert undisturbed.returncode == 0

    process = _bench(wild, jobs)
    saved = _wait_for_epochs(wild, process, "inner-1")
    os.kill(process.pid, number)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == code
    assert "Traceback" not in output
    deadline = time.monotonic() + 15
    while (alive := _alive(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive
    if number == signal.SIGINT:
        assert "run the same command again" in " ".join(output.split())

    again = _bench(wild)
    output = again.communicate()[0]
    assert again.returncode == 0, output
    tables: list[dict[str, pd.DataFrame]] = []
    for folder in (calm, wild):
        (record,) = (folder / "results").rglob("predictions.parquet")
        tables.append({name: pd.read_parquet(record.parent / f"{name}.parquet") for name in ("predictions", "curves")})
    for name in ("predictions", "curves"):
        pd.testing.assert_frame_equal(tables[0][name], tables[1][name], check_exact=True)
    (times,) = (wild / "results").rglob("fit_times.parquet")
    table = pd.read_parquet(times).query("fold == 0 and fit == 'inner 1' and name == 'seconds' and epoch >= 0")
    assert len(table) == 12
    # Their measured times show that the saved epochs were not trained again.
    assert table["value"].tolist()[: len(saved)] == [row["seconds"] for row in saved]
