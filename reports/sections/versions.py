"""Section on the libraries, Python versions and machines behind the results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.experiments.records import ExperimentResult
from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on versions."""
    if data.experiments:
        view = {"libraries": library_versions(data.experiments), "environments": environments(data.experiments)}
        yield Section("Versions", view, "versions.html.j2", "versions")


def library_versions(experiments: Iterable[ExperimentResult]) -> dict[str, list[str]]:
    """Every version of every library used by the experiments, by name."""
    versions: dict[str, set[str]] = {}
    for experiment in experiments:
        for name, version in _libraries(experiment.record["components"]):
            versions.setdefault(name, set()).add(version)
    return {name: sorted(versions[name]) for name in sorted(versions)}


def environments(experiments: Iterable[ExperimentResult]) -> list[str]:
    """Distinct Python versions and machines of the experiments."""
    seen = {(str(e.record["environment"]["python"]), str(e.record["environment"]["machine"])) for e in experiments}
    return [f"Python {python} on {machine}" for python, machine in sorted(seen)]


def _libraries(components: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in components.items():
        if not isinstance(value, Mapping):
            continue
        if key == "libraries" or key.endswith("_libraries"):
            yield from ((str(name), str(version)) for name, version in value.items())
        else:
            yield from _libraries(value)
