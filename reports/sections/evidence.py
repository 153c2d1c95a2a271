"""Section on the evidence: audits, leakage reports, permutation tests and accesses to held-out cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from bench.errors import BenchError, shortened
from bench.evidence.audit.findings import Check, Finding
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.verdict import Verdict
from bench.evidence.permutation.text import describe_unit
from bench.scores.metrics import METRICS
from bench.splits.held_out_log import LOG, read_accesses
from reports.rows import Row
from reports.section import ReportData, Section
from reports.stored_record import Interval, StoredPart, read_stored

Probability = Annotated[float, Field(ge=0, le=1)]


class Identity(StoredPart):
    """Scores of an image-level split with labels permuted between patients."""

    mean: float
    sd: float | None
    p: Probability
    permutations: int


class Clustering(StoredPart):
    """Clustering of the scores within patients."""

    icc: float | None
    design_effect: float | None
    cells: int
    effective_cells: float | None


class LeakageRecord(StoredPart):
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


class SignificanceRecord(StoredPart):
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


class Counts(StoredPart):
    """Size of an audited dataset."""

    cells: int
    patients: int


class AuditRecord(StoredPart):
    """Record of `bench audit`."""

    name: str
    positive: str | None
    passed: bool
    counts: Counts
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


Record = TypeVar("Record", LeakageRecord, SignificanceRecord)


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on evidence; records of replaced experiments, and damaged ones, are left out."""
    folder = data.results.path
    rows = {row.result.folder.name: row for group in data.groups for row in group.rows}
    evidence = {
        "audits": data.read_files(
            sorted((folder / "audit").glob("[!.]*.json")), partial(read_stored, kind=AuditRecord)
        ),
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
    record = read_stored(path, kind)
    if record.experiment != path.stem:
        raise BenchError(f"{path}: is of another experiment, {shortened(record.experiment)}; delete the file")
    if record.metric not in METRICS:
        raise BenchError(f"{path}: unknown metric {shortened(record.metric)!r}; delete the file")
    return record
