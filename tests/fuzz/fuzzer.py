"""Run inputs in forked processes with limits, and judge each."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from fuzz.child import Ending, run_child
from fuzz.inputs import Command, random_of
from fuzz.kinds import KINDS, NETWORKS
from fuzz.sandbox import Sandbox, differences
from fuzz.verdict import Observation, problems_of

ROOT = Path(__file__).resolve().parents[2]
WALL_S = 60.0
MEMORY = 2 * 1024**3
GRACE_S = 4.0
"""Seconds within which workers end after their parent."""


@dataclass(frozen=True)
class Outcome:
    """One input, how it ended, and what is wrong with that."""

    kind: str
    seed: int
    arguments: tuple[str, ...]
    code: int | None
    problems: tuple[str, ...]
    stderr: str
    trace: str
    seconds: float

    def text(self) -> str:
        """The failure as a person reads it."""
        command = " ".join(ascii(a)[1:-1][:200] for a in self.arguments)
        lines = [f"{self.kind} {self.seed}: bench {command}", f"  exit code {self.code}, {self.seconds:.1f} s"]
        lines += [f"  problem: {problem}" for problem in self.problems]
        lines += [f"  | {ascii(line)[1:-1][:300]}" for line in (self.trace or self.stderr).splitlines()[-12:]]
        return "\n".join(lines)


class Fuzzer:
    """A process that has imported the toolkit and forks once for each input.

    Parameters
    ----------
    folder : Path
        Folder for the sandboxes, each removed after its input.
    template : Path
        Valid cells, results and store, made by `fuzz.template`.
    """

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder, self.template = folder, template
        for name in (template / "modules").read_text().split():
            with contextlib.suppress(ImportError):  # a name that a library made up
                importlib.import_module(name)

    def run(self, kind: str, seed: int, *, leave: bool = False) -> Outcome:
        """Make an input, run it and judge it; `leave` keeps its folder."""
        if kind in NETWORKS:
            importlib.import_module("timm")
        box = Sandbox(self.folder / f"{kind}-{seed}")
        shutil.rmtree(box.base, ignore_errors=True)
        box.create()
        shutil.copytree(self.template / "cache", box.cache, dirs_exist_ok=True)
        command = KINDS[kind](random_of(kind, seed), box, self.template)
        before = box.listing()
        start = time.monotonic()
        observed = self._observe(command, box)
        seconds = time.monotonic() - start
        observed.changes = differences(before, box.listing())
        problems = problems_of(command, observed, box, allows_requests=kind == "storage")
        if not leave:
            shutil.rmtree(box.base, ignore_errors=True)
        ending = observed.ending
        return Outcome(
            kind, seed, command.arguments, ending.code if ending else None, tuple(problems), observed.stderr,
            ending.trace if ending else "", seconds,
        )  # fmt: skip

    def _observe(self, command: Command, box: Sandbox) -> Observation:
        rest = _resident(os.getpid())
        pid = os.fork()
        if pid == 0:
            try:
                run_child(command, box, ROOT)
            except BaseException:
                (box.base / "harness.txt").write_text(traceback.format_exc())
            finally:
                os._exit(99)
        status, usage, killed = _wait(pid, rest)
        leftover = _end_group(pid)
        if (box.base / "harness.txt").exists():
            raise RuntimeError((box.base / "harness.txt").read_text())
        ending = box.base / "ending.json"
        return Observation(
            ending=Ending(**json.loads(ending.read_text())) if ending.exists() else None,
            signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            killed=killed,
            cpu_s=usage.ru_utime + usage.ru_stime,
            memory=usage.ru_maxrss * 1024 - rest,
            leftover=leftover,
            stdout=_read(box.base / "stdout"),
            stderr=_read(box.base / "stderr"),
        )


def _wait(pid: int, rest: int) -> tuple[int, object, str]:
    """Wait for a process; kill its group where it takes too long or too much memory."""
    deadline, killed, pause = time.monotonic() + WALL_S, "", 0.005
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            return status, usage, killed
        if not killed and time.monotonic() > deadline:
            killed = f"still running after {WALL_S:g} s"
        if not killed and _resident(pid) - rest > MEMORY:
            killed = f"more than {MEMORY >> 20} MB"
        if killed:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def _end_group(leader: int) -> list[str]:
    """Processes of the session that outlive their parent for long; they are killed."""
    deadline = time.monotonic() + GRACE_S
    while (alive := _session(leader)) and time.monotonic() < deadline:
        time.sleep(0.1)
    names = []
    for pid in alive:
        with contextlib.suppress(OSError):
            names.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:120])
            os.kill(pid, signal.SIGKILL)
    return names


def _session(leader: int) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == leader and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _read(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(20_000_000).decode(errors="surrogateescape")
    return ""
