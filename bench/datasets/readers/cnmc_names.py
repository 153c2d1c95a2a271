"""Parse C-NMC file names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.names import listed
from bench.errors import BenchError

_NAME = re.compile(r"UID_([Hh]?\d+)_(\d+)_(\d+)_(all|hem)\.\w+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CellName:
    """Patient and class of a file name.

    Parameters
    ----------
    patient : str
        Id in upper case, including the H prefix.
    written : str
        Id as written in the file name.
    label : {"ALL", "HEM"}
        Class.
    """

    patient: str
    written: str
    label: str


def parse_name(name: str) -> CellName | None:
    """Parse `UID_<patient>_<image>_<cell>_{all,hem}.<suffix>`; None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return CellName(match[1].upper(), match[1], match[4].upper())


def fold_notice(names: Iterable[CellName]) -> tuple[str, ...]:
    """Return a notice of the ids that were converted to upper case; empty without such ids."""
    folded = sorted({f"{name.written} is read as {name.patient}" for name in names if name.written != name.patient})
    return (f"patient ids in lower case: {listed(folded, 20)}",) if folded else ()


def check_unique(files: Iterable[Path]) -> None:
    """Raise BenchError if two files have the same stem."""
    first: dict[str, Path] = {}
    for file in files:
        other = first.setdefault(file.stem.upper(), file)
        if other is not file:
            raise BenchError(f"{file} is a second copy of {other}; pass the path of one copy")
