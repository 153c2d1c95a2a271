"""Section on the datasets: counts by class, notices and digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.experiments.records import ExperimentResult
from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on the datasets."""
    if data.experiments:
        yield Section("Data", datasets(data.experiments), "datasets.html.j2", "data")


def datasets(experiments: Sequence[ExperimentResult]) -> list[Mapping[str, Any]]:
    """Distinct datasets of the experiments, by name and digest."""
    distinct: dict[tuple[str, str], Mapping[str, Any]] = {}
    for experiment in experiments:
        data = experiment.record["data"]
        distinct.setdefault((data["digest"], str(data["positive"])), data)
    return sorted(distinct.values(), key=lambda data: (str(data["name"]), str(data["digest"])))
