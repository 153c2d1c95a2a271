"""Start-up of the command line against a bare Typer program, as whole processes in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

BARE = """
import typer
app = typer.Typer()
@app.command()
def hello(name: str = "you"):
    "Greet."
app()
"""
ROUNDS = 7


def measure() -> None:
    """Print the median wall time of `bench --help` and `bench list extractors`, and the ratio to the bare program."""
    bare = [sys.executable, "-c", BARE, "--help"]
    commands = {
        "bench --help": [sys.executable, "-m", "bench", "--help"],
        "bench list extractors": [sys.executable, "-m", "bench", "list", "extractors"],
    }
    seconds: dict[str, list[float]] = {"bare": [], **{name: [] for name in commands}}
    for _ in range(ROUNDS):
        for name, command in {"bare": bare, **commands}.items():
            seconds[name].append(_wall(command))
    base = statistics.median(seconds["bare"])
    for name in commands:
        own = statistics.median(seconds[name])
        sys.stdout.write(
            f"start-up  {name}: {own:.2f} s, a bare Typer program's --help {base:.2f} s, ratio {own / base:.2f}\n"
        )


def _wall(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
