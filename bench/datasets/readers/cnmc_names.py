"""File names of C-NMC: which patient, image and class they tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"UID_([Hh]?\d+)_(\d+)_(\d+)_(all|hem)\.\w+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CellName:
    """What a file name tells.

    Parameters
    ----------
    patient : str
        Id in upper case, H prefix kept.
    written : str
        Id as the file name has it.
    label : {"ALL", "HEM"}
        Class.
    """

    patient: str
    written: str
    label: str


def parse_name(name: str) -> CellName | None:
    """What `UID_<patient>_<image>_<cell>_{all,hem}.<suffix>` tells; None for another name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return CellName(match[1].upper(), match[1], match[4].upper())


def fold_notice(names: Iterable[CellName]) -> tuple[str, ...]:
    """A sentence on the ids whose case was folded; none where there are none."""
    folded = sorted({f"{name.written} is read as {name.patient}" for name in names if name.written != name.patient})
    return (f"patient ids in lower case: {', '.join(folded)}",) if folded else ()
