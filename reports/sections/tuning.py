"""What tuning did in each track: budget, trials, and how much better the best trial looked than the outer folds say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from bench.evaluation.optimism import Optimism, summary
from reports.sections.leaderboard import ComparableGroup, Row
from reports.sections.per_group import TrackPart, track_parts

PARAMETER = "param_"


@dataclass(frozen=True)
class TunedPipeline:
    """The studies of one pipeline, all outer folds together.

    Parameters
    ----------
    name : str
        As in the leaderboard.
    parameters : tuple of str
        What was searched.
    complete, pruned, failed : int
        Trials by how they ended. (A failed one stops its experiment, so that it stands among the failures.)
    optimism : Optimism or None
        None where no outer fold has a score.
    """

    name: str
    parameters: tuple[str, ...]
    complete: int
    pruned: int
    failed: int
    optimism: Optimism | None


def tuned_tracks(tracks: Sequence[ComparableGroup]) -> list[TrackPart[TunedPipeline]]:
    """The tracks in which something was tuned; silent are those without anything to tune, such as the prior.

    Raises
    ------
    BenchError
        The trials of an experiment cannot be read.
    """
    return track_parts(tracks, _pipeline)


def _pipeline(row: Row) -> TunedPipeline | None:
    try:
        trials = row.result.trials
        if not len(trials):
            return None
        states = trials["state"].value_counts()
        optimism = summary(row.result.optimism)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(
            f"{row.result.folder}: the tuning trials cannot be read ({error}); delete this folder and run the matrix "
            "again"
        ) from error
    return TunedPipeline(
        row.name,
        tuple(c.removeprefix(PARAMETER) for c in trials.columns if c.startswith(PARAMETER)),
        complete=int(states.get("complete", 0)),
        pruned=int(states.get("pruned", 0)),
        failed=int(states.drop(["complete", "pruned"], errors="ignore").sum()),
        optimism=optimism,
    )
