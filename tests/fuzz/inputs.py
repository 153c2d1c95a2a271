"""What one input is: a command and what its refusal must name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.sandbox import Sandbox

FEW_FOLDS = ("--folds", "2", "--inner-folds", "2", "--repeats", "1")
QUICK = ("-x", "size", "-c", "knn", *FEW_FOLDS, "--jobs", "1", "--out", "../own/results", "--store", "../own/store")
"""Options of the shortest run of cells."""


@dataclass(frozen=True)
class Command:
    """A call of the command line in the working directory `given`.

    `names` are texts of which a refusal (exit code 2) must contain one: a file, or an option. `plugin` is true where
    code that the user installed raises errors of its own.
    """

    arguments: tuple[str, ...]
    names: tuple[str, ...]
    plugin: bool = False


Generator = Callable[[Random, Sandbox, Path], Command]


def random_of(kind: str, seed: int) -> Random:
    """The only source of randomness of an input."""
    return Random(f"{kind} {seed}")  # noqa: S311 (inputs, not secrets)


def cells(box: Sandbox, template: Path) -> Path:
    """Put valid cells into the working directory."""
    return Path(shutil.copytree(template / "cells", box.given / "cells"))


def results(box: Sandbox, template: Path) -> Path:
    """Put a valid results folder and its cells beside each other, as the record names them."""
    data = cells(box, template)
    shutil.copytree(template / "store", box.own / "store")
    folder = Path(shutil.copytree(template / "results", box.own / "results"))
    for record in folder.glob("experiments/*/experiment.json"):
        record.write_text(record.read_text().replace(str(template / "cells"), str(data)))
    return folder


def records(folder: Path) -> list[Path]:
    """The records of a results folder, in an order that does not depend on their keys."""
    return sorted(folder.glob("experiments/*/experiment.json"))


def shell(box: Sandbox) -> str:
    """A command that leaves a mark when it is executed."""
    return f"touch {box.mark}"
