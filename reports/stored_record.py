"""Records of commands in a results folder, which may be damaged or come from a stranger."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import BenchError
from bench.scores.intervals import BRACKETS, interval_text
from bench.storage.json_files import read_json


class StoredPart(BaseModel):
    """Part of a stored record. Every field is validated; fields that are not shown are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Interval(StoredPart):
    """A value with its 95 % interval; None where it is undefined."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        return f"{self.value:.2f} {self.interval}"

    @property
    def interval(self) -> str:
        """The interval as text."""
        if self.low is None or self.high is None:
            return interval_text(math.nan, math.nan)
        return interval_text(self.low, self.high, form=BRACKETS)


Stored = TypeVar("Stored", bound=StoredPart)


def read_stored(path: Path, kind: type[Stored]) -> Stored:
    """Read a record.

    Raises
    ------
    BenchError
        The file cannot be read, or a field is missing or invalid; the message names it.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BenchError(f"{path}: {where}: {first['msg']}; delete the file and run its command again") from error
