"""Section on the evidence: audits, leakage reports, permutation tests and accesses to held-out cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError
from bench.scores.metrics import METRICS
from bench.splits.held_out_log import HeldOutAccess
from bench.storage.json_files import read_json
from reports.rows import Row
from reports.section import ReportData, Section


class _Part(BaseModel):
    """Part of a stored record. Every field is validated; fields that are not shown are ignored."""

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
    """Scores of an image-level split with labels permuted between patients."""

    mean: float
    sd: float | None
    p: float
    permutations: int


class Recognition(_Part):
    """Accuracy of recognising the patient of a cell within a class."""

    label: str
    accuracy: float
    chance: float


class Clustering(_Part):
    """Clustering of the scores within patients."""

    icc: float | None
    design_effect: float | None
    cells: int
    effective_cells: float | None


class Verdict(_Part):
    """Verdict of a leakage report."""

    code: str
    text: str


class LeakageRecord(_Part):
    """Record of `bench leakage`."""

    experiment: str
    metric: str
    by_patient: Interval
    by_image: Interval
    gap: Interval
    identity: Identity | None
    recognition: tuple[Recognition, ...]
    scores: Clustering | None
    verdict: Verdict


class SignificanceRecord(_Part):
    """Record of `bench significance`."""

    experiment: str
    metric: str
    observed: float
    null: Annotated[tuple[float, ...], Field(min_length=1)]
    p: float
    floor: float
    exact: bool
    units: Mapping[str, int]

    @property
    def median(self) -> float:
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
    """Size of an audited dataset."""

    cells: int
    patients: int


class AuditRecord(_Part):
    """Record of `bench audit`."""

    name: str
    passed: bool
    counts: Counts
    findings: tuple[FindingRecord, ...]
    checks: tuple[CheckRecord, ...]

    def checks_with(self, outcome: str) -> list[CheckRecord]:
        """Checks with a given outcome."""
        return [check for check in self.checks if check.outcome == outcome]


Record = TypeVar("Record", LeakageRecord, SignificanceRecord)


@dataclass(frozen=True)
class Evidence:
    """Evidence in a results folder, in the order of the page.

    Parameters
    ----------
    audits : sequence of AuditRecord
        Audits by file name.
    accesses : sequence of HeldOutAccess
        Runs that evaluated held-out cells, oldest first.
    leakage, significance : sequence of pairs
        Row of the leaderboard and its record.
    """

    audits: Sequence[AuditRecord]
    accesses: Sequence[HeldOutAccess]
    leakage: Sequence[tuple[Row, LeakageRecord]]
    significance: Sequence[tuple[Row, SignificanceRecord]]


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on evidence; records of replaced experiments are left out.

    Raises
    ------
    BenchError
        A file is damaged; the message names it.
    """
    folder = data.results.path
    rows = {row.result.folder.name: row for group in data.groups for row in group.rows}
    evidence = Evidence(
        audits=[_read(path, AuditRecord) for path in sorted((folder / "audit").glob("[!.]*.json"))],
        accesses=data.results.held_out_accesses,
        leakage=_by_row(folder / "leakage", rows, LeakageRecord),
        significance=_by_row(folder / "significance", rows, SignificanceRecord),
    )
    if evidence.audits or evidence.accesses or evidence.leakage or evidence.significance:
        yield Section("Reliability of the results", evidence, "evidence.html.j2", "evidence")


def _by_row(folder: Path, rows: Mapping[str, Row], kind: type[Record]) -> list[tuple[Row, Record]]:
    pairs = []
    for slug, row in rows.items():
        path = folder / f"{slug}.json"
        if path.is_file():
            record = _read(path, kind)
            if record.metric not in METRICS:
                raise BenchError(f"{path}: unknown metric {record.metric!r}; delete the file")
            pairs.append((row, record))
    return pairs


P = TypeVar("P", bound=_Part)


def _read(path: Path, kind: type[P]) -> P:
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BenchError(f"{path}: {where}: {first['msg']}; delete the file and run its command again") from error
