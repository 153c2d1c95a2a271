"""No generated hostile input breaks the command line; `python tests/fuzz KIND SEED` repeats one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import pytest

from fuzz.fuzzer import Outcome
from fuzz.kinds import KINDS, NETWORKS

HERE = Path(__file__).parent
PROCESSES = 2

Seeded = tuple[str, int]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and leftovers are read from /proc")


@pytest.mark.parametrize("inputs", [150, pytest.param(2000, marks=[pytest.mark.fuzz, pytest.mark.timeout(7200)])])
def test_no_input_breaks_the_command_line(inputs: int, tmp_path: Path) -> None:
    seeded = [(kind, seed) for seed in range(inputs // len(KINDS)) for kind in KINDS]
    outcomes = run_inputs(seeded, tmp_path)
    assert sorted((one.kind, one.seed) for one in outcomes) == sorted(seeded)
    failures = [one for one in outcomes if one.problems]
    print(summary(outcomes))  # noqa: T201 (shown where the test fails)
    assert not failures, "\n\n".join(one.text() for one in failures)


def run_inputs(seeded: list[Seeded], folder: Path) -> list[Outcome]:
    """Run inputs in `PROCESSES` processes; the first takes those that need a network's library, at its end."""
    plain = deque(one for one in seeded if one[0] not in NETWORKS)
    networks = deque(one for one in seeded if one[0] in NETWORKS)
    outcomes: list[Outcome] = []
    queues = [(plain, networks) if not number else (plain,) for number in range(PROCESSES)]
    threads = [
        threading.Thread(target=_serve, args=(queue, folder / str(number), folder / "template", outcomes))
        for number, queue in enumerate(queues)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def summary(outcomes: list[Outcome]) -> str:
    codes = sorted({str(one.code) for one in outcomes})
    counts = ", ".join(f"{sum(str(one.code) == code for one in outcomes)} with exit code {code}" for code in codes)
    return f"{len(outcomes)} inputs: {counts}; slowest {max(one.seconds for one in outcomes):.1f} s"


def _lost(kind: str, seed: int) -> Outcome:
    return Outcome(kind, seed, (), None, ("the process that makes the inputs has ended",), "", "", 0.0)


def _serve(queues: tuple[deque[Seeded], ...], boxes: Path, template: Path, outcomes: list[Outcome]) -> None:
    command = [sys.executable, str(HERE), "--serve", str(boxes), str(template)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        for queue in queues:
            while queue:
                try:
                    kind, seed = queue.popleft()
                except IndexError:  # the other process took the last one
                    break
                server.stdin.write(f"{kind} {seed}\n")
                server.stdin.flush()
                answer = server.stdout.readline()
                outcomes.append(Outcome(**json.loads(answer)) if answer else _lost(kind, seed))
                if not answer:
                    return
        server.stdin.close()
