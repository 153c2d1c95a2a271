"""Resolve user-supplied paths to experiments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.errors import BenchError
from bench.evidence.comparison.comparable_groups import largest_comparable_group
from bench.experiments.records import ExperimentResult, read_experiment
from bench.experiments.results import MARK, Results

RECORD = "experiment.json"

DAMAGED = "Left out, because it is damaged: "
"""Start of the note on an experiment that cannot be read."""


def resolve_experiments(
    items: Iterable[ExperimentResult | Results | str | Path],
) -> tuple[list[ExperimentResult], list[str]]:
    """Resolve experiments, results and paths to the experiments to compare, without duplicates.

    Parameters
    ----------
    named : iterable of ExperimentResult, Results or path
        Experiments or their folders; results or their folder stand for their largest comparable group.

    Returns
    -------
    list of ExperimentResult
        Experiments in the order of the items.
    list of str
        Messages about omitted experiments.

    Raises
    ------
    BenchError
        A path is neither kind of folder, or a results folder contains nothing that can be compared.
    """
    selected: dict[Path, ExperimentResult] = {}
    notes: list[str] = []
    for item in items:
        if isinstance(item, ExperimentResult):
            experiments = [item]
        elif isinstance(item, Results):
            experiments = _largest_group(item, notes)
        else:
            experiments = _experiments_at(Path(item), notes)
        selected |= {experiment.folder.resolve(): experiment for experiment in experiments}
    return list(selected.values()), notes


def experiment_at(path: Path) -> ExperimentResult | None:
    """Read the experiment of a folder; None if it is not an experiment's folder."""
    return read_experiment(path) if (path / RECORD).is_file() else None


def _experiments_at(path: Path, notes: list[str]) -> list[ExperimentResult]:
    experiment = experiment_at(path)
    if experiment is not None:
        return [experiment]
    if not (path / MARK).is_file():
        what = "is neither an experiment's folder nor a results folder" if path.exists() else "does not exist"
        raise BenchError(f"{path}: {what}; experiments are in RESULTS/experiments/, and bench matrix creates RESULTS")
    return _largest_group(Results.open(path), notes)


def _largest_group(results: Results, notes: list[str]) -> list[ExperimentResult]:
    contents = results.current(tables=("scores", "predictions"))
    current = contents.experiments
    notes += [f"{DAMAGED}{damage.reason}" for damage in contents.damaged]
    group = largest_comparable_group(current)
    if not group:
        kinds = "only LEAKY experiments, which are not compared" if current else "no finished experiment"
        why = f" ({contents.damaged[0].reason})" if contents.damaged else ""
        raise BenchError(f"{results.path}: contains {kinds}{why}; run bench matrix with --split patient first")
    if contents.damaged and len(group) == 1:
        raise BenchError(f"{results.path}: one experiment is left to compare, because {contents.damaged[0].reason}")
    others = len(current) - len(group)
    if others:
        notes.append(
            f"{results.path}: {others} of {len(current)} experiments belong to other comparable groups (data, folds or "
            "protocol) and are omitted; list their folders to compare them."
        )
    return group
