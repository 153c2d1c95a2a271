"""What the results were computed with: libraries, Python, machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench.experiments.records import ExperimentResult


def library_versions(experiments: Iterable[ExperimentResult]) -> dict[str, list[str]]:
    """Every version of every library that computed some experiment, by name."""
    found: dict[str, set[str]] = {}
    for experiment in experiments:
        for name, version in _libraries(experiment.record["components"]):
            found.setdefault(name, set()).add(version)
    return {name: sorted(found[name]) for name in sorted(found)}


def environments(experiments: Iterable[ExperimentResult]) -> list[str]:
    """Each Python and machine that some experiment ran on."""
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
