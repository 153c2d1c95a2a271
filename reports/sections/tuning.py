"""Section on tuning: budget, trials, and optimism of the inner score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.evaluation.optimism import summary
from reports.rows import Row
from reports.section import ReportData, Section, part_section

PARAMETER = "param_"


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on tuning.

    Raises
    ------
    BenchError
        The trials of an experiment cannot be read.
    """
    return part_section(data, "Tuning", "tuning", tuned_pipeline)


def tuned_pipeline(row: Row) -> dict[str, Any] | None:
    """Summarise the trials of one pipeline: tuned parameters, trials by state, and optimism; None without tuning."""
    trials = row.result.trials
    if not len(trials):
        return None
    states = trials["state"].value_counts()
    optimism = summary(row.result.optimism)
    return {
        "name": row.name,
        "parameters": [c.removeprefix(PARAMETER) for c in trials.columns if c.startswith(PARAMETER)],
        "complete": int(states.get("complete", 0)),
        "pruned": int(states.get("pruned", 0)),
        "failed": int(states.drop(["complete", "pruned"], errors="ignore").sum()),
        "optimism": optimism,
    }
