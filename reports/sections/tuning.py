"""Section on tuning: budget, trials, and optimism of the inner score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.evaluation.optimism import Optimism, summary
from reports.rows import Row, readable
from reports.section import ReportData, Section
from reports.sections.group_parts import part_section

PARAMETER = "param_"


@dataclass(frozen=True)
class TunedPipeline:
    """Studies of one pipeline, all outer folds together.

    Parameters
    ----------
    name : str
        As in the leaderboard.
    parameters : tuple of str
        Tuned parameters.
    complete, pruned, failed : int
        Number of trials by state.
    optimism : Optimism or None
        None where no outer fold has a score.
    """

    name: str
    parameters: tuple[str, ...]
    complete: int
    pruned: int
    failed: int
    optimism: Optimism | None


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on tuning.

    Raises
    ------
    BenchError
        The trials of an experiment cannot be read.
    """
    return part_section(data, "Tuning", "tuning", tuned_pipeline)


def tuned_pipeline(row: Row) -> TunedPipeline | None:
    """Summarise the trials of one pipeline; None without tuning."""
    with readable("tuning trials", row.result):
        trials = row.result.trials
        if not len(trials):
            return None
        states = trials["state"].value_counts()
        optimism = summary(row.result.optimism)
    return TunedPipeline(
        row.name,
        tuple(c.removeprefix(PARAMETER) for c in trials.columns if c.startswith(PARAMETER)),
        complete=int(states.get("complete", 0)),
        pruned=int(states.get("pruned", 0)),
        failed=int(states.drop(["complete", "pruned"], errors="ignore").sum()),
        optimism=optimism,
    )
