"""What other commands left in the results folder: leakage reports, chance tests, audits and looks at held-out cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError
from bench.experiments.results import Results
from bench.scores.metrics import METRICS
from bench.splits.held_out_log import Look
from bench.storage.json_files import read_json
from reports.sections.leaderboard import ComparableGroup, Row


class _Part(BaseModel):
    """Read from a file that anyone may have touched: every field is checked, what is not shown is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Interval(_Part):
    """A value with its 95 % interval; None where it is undefined."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:.2f}{interval}"


class Identity(_Part):
    """Scores of a split by image with labels permuted between patients."""

    mean: float
    sd: float | None
    p: float
    permutations: int


class Recognition(_Part):
    """How often a cell of a class is named after its own patient."""

    label: str
    accuracy: float
    chance: float


class Clustering(_Part):
    """How alike the scores of one patient's cells are."""

    icc: float | None
    design_effect: float | None
    cells: int
    effective_cells: float | None


class Verdict(_Part):
    """What a leakage report says."""

    code: str
    text: str


class LeakageRecord(_Part):
    """As `bench leakage` writes it."""

    experiment: str
    metric: str
    by_patient: Interval
    by_image: Interval
    gap: Interval
    identity: Identity | None
    recognition: tuple[Recognition, ...]
    scores: Clustering | None
    verdict: Verdict


class ChanceRecord(_Part):
    """As `bench significance` writes it."""

    experiment: str
    metric: str
    observed: float
    null: Annotated[tuple[float, ...], Field(min_length=1)]
    p: float
    floor: float
    exact: bool
    units: Mapping[str, int]

    @property
    def middle(self) -> float:
        """Median of the permuted scores."""
        return sorted(self.null)[len(self.null) // 2]


class FindingRecord(_Part):
    """A finding of an audit."""

    code: str
    level: Literal["error", "warning", "note"]
    title: str
    detail: str


class CheckRecord(_Part):
    """A check of an audit."""

    code: str
    outcome: Literal["found", "nothing found", "not checked"]
    detail: str
    title: str


class Counts(_Part):
    """What an audit looked at."""

    cells: int
    patients: int


class AuditRecord(_Part):
    """As `bench audit` writes it."""

    name: str
    passed: bool
    counts: Counts
    findings: tuple[FindingRecord, ...]
    checks: tuple[CheckRecord, ...]

    def checked(self, outcome: str) -> list[CheckRecord]:
        """The checks with one outcome."""
        return [check for check in self.checks if check.outcome == outcome]


Record = TypeVar("Record", LeakageRecord, ChanceRecord)


@dataclass(frozen=True)
class Kept:
    """All of it, in the order of the page.

    Parameters
    ----------
    leakage, chance : sequence of pairs
        Row of the leaderboard and what was found of it.
    audits : sequence of AuditRecord
        By file name.
    looks : sequence of Look
        Runs that evaluated held-out cells, the oldest first.
    """

    leakage: Sequence[tuple[Row, LeakageRecord]]
    chance: Sequence[tuple[Row, ChanceRecord]]
    audits: Sequence[AuditRecord]
    looks: Sequence[Look]

    @property
    def some(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.leakage or self.chance or self.audits or self.looks)


def kept(results: Results, found: Sequence[ComparableGroup]) -> Kept:
    """What lies in a results folder beside its experiments; that of replaced experiments is left out.

    Raises
    ------
    BenchError
        A file is damaged; the message names it.
    """
    rows = {row.result.folder.name: row for track in found for row in track.rows}
    audits = [_read(path, AuditRecord) for path in sorted((results.path / "audit").glob("[!.]*.json"))]
    return Kept(
        leakage=_of_rows(results.path / "leakage", rows, LeakageRecord),
        chance=_of_rows(results.path / "significance", rows, ChanceRecord),
        audits=audits,
        looks=results.held_out_accesses,
    )


def _of_rows(folder: Path, rows: Mapping[str, Row], kind: type[Record]) -> list[tuple[Row, Record]]:
    read = []
    for slug, row in rows.items():
        path = folder / f"{slug}.json"
        if path.is_file():
            record = _read(path, kind)
            if record.metric not in METRICS:
                raise BenchError(f"{path}: the metric {record.metric!r} is unknown; delete the file")
            read.append((row, record))
    return read


Read = TypeVar("Read", bound=_Part)


def _read(path: Path, kind: type[Read]) -> Read:
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BenchError(
            f"{path}: {where}: {first['msg']}; delete the file, and run its command again for another"
        ) from error
