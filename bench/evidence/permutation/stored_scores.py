"""File of finished scores of permutations: one JSON object per line, appended; it may come from a stranger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import BenchError
from bench.observer import Observer
from bench.storage.json_files import parse_json
from extractors.files.regular import read_regular

MAX_BYTES = 64 * 1024**2
"""Largest file that is read; a million scores have about 60 MB."""

MAX_LINE = 200
"""Longest line that is parsed, in bytes; those that are written have fewer than 100."""

_ROUNDING = 1e-9
"""An average of AUROCs exceeds the range by no more."""


class _Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    score: Annotated[float, Field(ge=-_ROUNDING, le=1 + _ROUNDING)]


def score_line(name: str, score: float) -> str:
    """Return the line of a score."""
    return json.dumps({"name": name, "score": score}) + "\n"


def read_scores(path: Path, observer: Observer) -> dict[str, float]:
    """Read finished scores; an incomplete last line of a killed process is removed, also from the file.

    A file with another line that is no score between 0 and 1 is removed with a notice; none of its scores is used.

    Raises
    ------
    BenchError
        The file is not a regular file of at most `MAX_BYTES`.
    """
    try:
        content = read_regular(path, limit=MAX_BYTES, follow_link=False)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror or error}); remove it") from error
    complete, newline, incomplete = content.rpartition(b"\n")
    try:
        lines = [_parsed(line) for line in complete.split(b"\n")] if newline else []
    except ValueError:
        path.unlink()
        observer.notice(f"{path}: was damaged and is removed; its scores of permuted labels are computed again")
        return {}
    if incomplete:
        path.write_bytes(complete + newline)
    return {line.name: line.score for line in lines}


def _parsed(line: bytes) -> _Line:
    if len(line) > MAX_LINE:
        raise ValueError("too long")
    return _Line.model_validate(parse_json(line))
