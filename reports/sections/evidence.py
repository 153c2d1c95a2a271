"""Section on the evidence: audits, leakage reports, permutation tests and accesses to held-out cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError, shortened
from bench.evidence.audit.findings import Check, Finding
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.verdict import Verdict
from bench.evidence.permutation.text import describe_unit
from bench.scores.intervals import interval_text
from bench.scores.metrics import METRICS
from bench.splits.held_out_log import LOG, read_accesses
from bench.storage.json_files import read_json
from reports.rows import Row
from reports.section import ReportData, Section

Probability = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Part of a stored record. Every field is validated; fields that are not shown are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Interval(_Part):
    """A value with its 95 % interval; None where it is undefined."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.2f} {interval_text(math.nan, math.nan)}"
        return f"{self.value:.2f} {interval_text(self.low, self.high, form='[{:.2f}, {:.2f}]')}"


class Identity(_Part):
    """Scores of an image-level split with labels permuted between patients."""

    mean: float
    sd: float | None
    p: Probability
    permutations: int


class Clustering(_Part):
    """Clustering of the scores within patients."""

    icc: float | None
    design_effect: float | None
    cells: int
    effective_cells: float | None


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
    p: Probability
    floor: Probability
    exact: bool
    labels_of: Literal["patients", "cells"]
    moved: int
    fixed: int
    units: Mapping[str, int]

    @property
    def median(self) -> float:
        """Median of the permuted scores."""
        return median(self.null)

    @property
    def unit(self) -> str:
        """What is permuted, and how many patients are not."""
        return describe_unit(labels_of=self.labels_of, moved=self.moved, fixed=self.fixed, units=self.units)


class Counts(_Part):
    """Size of an audited dataset."""

    cells: int
    patients: int


class AuditRecord(_Part):
    """Record of `bench audit`."""

    name: str
    positive: str | None
    passed: bool
    counts: Counts
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


Stored = TypeVar("Stored", bound=_Part)
Record = TypeVar("Record", LeakageRecord, SignificanceRecord)


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on evidence; records of replaced experiments, and damaged ones, are left out."""
    folder = data.results.path
    rows = {row.result.folder.name: row for group in data.groups for row in group.rows}
    evidence = {
        "audits": data.read_files(sorted((folder / "audit").glob("[!.]*.json")), partial(_read, kind=AuditRecord)),
        "accesses": list(chain(*data.read_files([folder / LOG], lambda log: read_accesses(log.parent)))),
        "leakage": _by_row(data, "leakage", rows, LeakageRecord),
        "significance": _by_row(data, "significance", rows, SignificanceRecord),
    }
    if any(evidence.values()):
        yield Section("Reliability of the results", evidence, "evidence.html.j2", "evidence")


def _by_row(
    data: ReportData, kind_folder: str, rows: Mapping[str, Row], kind: type[Record]
) -> list[tuple[Row, Record]]:
    paths = [data.results.path / kind_folder / f"{slug}.json" for slug in rows]
    records = data.read_files(filter(Path.is_file, paths), partial(_of_experiment, kind=kind))
    return [(rows[record.experiment], record) for record in records]


def _of_experiment(path: Path, kind: type[Record]) -> Record:
    record = _read(path, kind)
    if record.experiment != path.stem:
        raise BenchError(f"{path}: is of another experiment, {shortened(record.experiment)}; delete the file")
    if record.metric not in METRICS:
        raise BenchError(f"{path}: unknown metric {shortened(record.metric)!r}; delete the file")
    return record


def _read(path: Path, kind: type[Stored]) -> Stored:
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BenchError(f"{path}: {where}: {first['msg']}; delete the file and run its command again") from error
