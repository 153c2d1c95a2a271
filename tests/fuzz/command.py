"""The command that repeats single inputs, and the process that runs many for a test."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from fuzz.fuzzer import Fuzzer
from fuzz.kinds import KINDS
from fuzz.template import make_template


def main(arguments: list[str], folder: Path) -> int:
    """Run one or several inputs of a kind and print them; 1 if a criterion is violated."""
    if not arguments or arguments[0] not in (*KINDS, "--serve"):
        print("python tests/fuzz KIND SEED [COUNT]\nkinds:", ", ".join(KINDS))  # noqa: T201 (a program)
        return 2
    if arguments[0] == "--serve":
        return serve(Path(arguments[1]), Path(arguments[2]))
    kind, first = arguments[0], int(arguments[1])
    count = int(arguments[2]) if len(arguments) > 2 else 1
    fuzzer = Fuzzer(folder / "boxes", make_template(folder / "template"))
    wrong = 0
    for seed in range(first, first + count):
        outcome = fuzzer.run(kind, seed)
        wrong += bool(outcome.problems)
        print(outcome.text(), flush=True)  # noqa: T201 (a program)
    return int(wrong > 0)


def serve(folder: Path, template: Path) -> int:
    """Run the inputs that are named on standard input, one `KIND SEED` a line; print an outcome as JSON for each."""
    fuzzer = Fuzzer(folder, make_template(template))
    for line in sys.stdin:
        kind, seed = line.split()
        print(json.dumps(asdict(fuzzer.run(kind, int(seed)))), flush=True)  # noqa: T201 (read by the test)
    return 0
