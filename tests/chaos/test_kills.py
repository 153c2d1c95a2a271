"""Killed parents, workers and process groups leave nothing wrong; the finished run equals an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.datasets.phantom.reader import PhantomSpec, write_phantom

MATRIX = ("--extractors", "size,zernike", "--classifiers", "knn,lightgbm[n_estimators=5]", "--no-baselines", "--folds",
          "3", "--inner-folds", "2", "--repeats", "2", "--jobs", "2", "--positive", "diseased")  # fmt: skip
VICTIMS = ("parent", "parent", "worker", "worker", "group", "terminate", "interrupt")
EXACT = ("predictions.parquet", "inner.parquet", "scores.parquet", "importances.parquet", "experiment.json",
         "values.npy", "rows.npy", "status.npy", "cells.parquet")  # fmt: skip
"""Files whose bytes depend on the inputs alone."""

ENDING_S = 15.0
"""Seconds within which every process of a killed run is gone."""


@dataclass
class Place:
    """Cells with a results folder and a store of their own, and the commands that run beside each other there."""

    folder: Path
    complaints: list[str] = field(default_factory=list)

    @property
    def matrix(self) -> list[str]:
        return ["matrix", *self._data("--data"), *MATRIX, "--out", self._of("results"), "--store", self._of("store")]

    @property
    def extract(self) -> list[str]:
        output = [
            "-o",
            self._of("cells.parquet"),
            "--store",
            self._of("store"),
            "--jobs",
            "2",
            "--positive",
            "diseased",
        ]
        return ["features", "extract", *self._data(), "-x", "zernike", *output]

    @property
    def readers(self) -> list[list[str]]:
        plan = ["plan", *self._data("--data"), *MATRIX, "--out", self._of("results"), "--store", self._of("store")]
        report = ["report", self._of("results"), "-o", self._of("page.html")]
        return [report, plan, ["features", "gc", "--store", self._of("store")]]

    def start(self, arguments: list[str]) -> subprocess.Popen[str]:
        environment = {**os.environ, "CYTOBENCH_CACHE": self._of("cache")}
        return subprocess.Popen(
            [sys.executable, "-m", "bench", *arguments],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def finish(self, arguments: list[str]) -> int:
        """Run to the end; note a traceback."""
        process = self.start(arguments)
        self.note(process.communicate(timeout=300)[1], arguments)
        return process.returncode

    def note(self, stderr: str, arguments: list[str]) -> None:
        if "Traceback" in stderr:
            self.complaints.append(f"bench {' '.join(arguments[:2])}:\n{stderr[-3000:]}")

    def exact(self) -> dict[str, bytes]:
        """Bytes of the files that must be equal, by their path."""
        files = [p for p in sorted(self.folder.rglob("*")) if p.name in EXACT]
        return {p.relative_to(self.folder).as_posix(): p.read_bytes() for p in files}

    def _of(self, name: str) -> str:
        return str(self.folder / name)

    def _data(self, *flag: str) -> list[str]:
        return [*flag, str(self.folder.parent / "cells")]


@pytest.mark.skipif(sys.platform != "linux", reason="workers are read from /proc")
@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=[pytest.mark.chaos, pytest.mark.timeout(3600)])])
def test_killed_runs_end_like_an_undisturbed_one(kills: int, tmp_path: Path) -> None:
    write_phantom(PhantomSpec(patients=6, cells=4, spread=0, size=64, seed=2), tmp_path / "cells")
    calm = Place(tmp_path / "calm")
    start = time.monotonic()
    assert calm.finish(calm.matrix) == 0
    seconds = time.monotonic() - start
    assert calm.finish(calm.extract) == 0
    expected = calm.exact()
    assert len(expected) == 4 * 4 + 2 + 2 * 3 + 1  # experiments, importances, entries, the table

    rng = random.Random(13)  # noqa: S311 (times of kills)
    hit, rounds = 0, 0
    while hit < kills:
        rounds += 1
        assert rounds <= 2 * kills + 5, "most runs end before they are killed"
        wild = Place(tmp_path / f"wild{rounds}")
        hit += _kill_until_done(wild, rng, seconds, kills=kills - hit)
        assert wild.finish([*wild.matrix, "--retry-failed"]) == 0
        assert wild.finish(wild.extract) == 0
        assert not wild.complaints, "\n\n".join(wild.complaints)
        assert wild.exact() == expected
        assert not [p for p in (wild.folder / "results" / "work").iterdir() if not p.name.startswith(".")]


def _kill_until_done(place: Place, rng: random.Random, seconds: float, *, kills: int) -> int:
    """Kill runs beside readers until one ends by itself, at most `kills`; return how many were hit."""
    stop = threading.Event()
    loop = threading.Thread(target=_read_in_a_loop, args=(place, stop))
    loop.start()
    hit = 0
    try:
        while hit < kills and _disturb(place, rng, seconds):
            hit += 1
    finally:
        stop.set()
        loop.join()
    return hit


def _read_in_a_loop(place: Place, stop: threading.Event) -> None:
    while not stop.is_set():
        for arguments in place.readers:
            if not stop.is_set():
                place.finish(arguments)


def _disturb(place: Place, rng: random.Random, seconds: float) -> bool:
    """Start a command and send a signal at a random time; whether it was still running."""
    arguments = place.extract if rng.random() < 0.3 else [*place.matrix, "--retry-failed"]
    victim, delay = rng.choice(VICTIMS), rng.uniform(0.25, 0.95) * seconds
    process = place.start(arguments)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    running, workers = process.poll() is None, _workers(process.pid)
    if running:
        _send(process.pid, workers, victim, rng)
    stderr = process.communicate(timeout=300)[1]
    place.note(stderr, [*arguments[:2], victim])
    left = _wait_for_end([process.pid, *workers])
    if left:
        place.complaints.append(f"{victim}: still running after {ENDING_S} s: {left}")
    return running


def _send(pid: int, workers: list[int], victim: str, rng: random.Random) -> None:
    with contextlib.suppress(ProcessLookupError):
        if victim == "worker":
            os.kill(rng.choice(workers) if workers else pid, signal.SIGKILL)
        elif victim == "group":
            for group in (pid, *workers):
                os.killpg(group, signal.SIGKILL)
        else:
            number = {"parent": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}[victim]
            os.kill(pid, number)


def _wait_for_end(sessions: list[int]) -> list[str]:
    deadline = time.monotonic() + ENDING_S
    while (alive := _of_sessions(sessions)) and time.monotonic() < deadline:
        time.sleep(0.1)
    names = []
    for pid in alive:
        with contextlib.suppress(OSError):
            names.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
            os.kill(pid, signal.SIGKILL)
    return names


def _workers(parent: int) -> list[int]:
    """Workers of a process; each leads a session of its own."""
    return [pid for pid, of_parent, session in _processes() if of_parent == parent and session == pid]


def _of_sessions(leaders: list[int]) -> list[int]:
    """Processes of sessions that have not ended."""
    return [pid for pid, _, session in _processes() if session in leaders]


def _processes() -> Iterator[tuple[int, int, int]]:
    """Number, parent and session of each process that has not ended."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent, _, session, *_ = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                if state != "Z":
                    yield int(entry.name), int(parent), int(session)
