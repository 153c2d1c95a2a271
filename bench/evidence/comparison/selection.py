"""From what a person names (folders, results) to the experiments that are to be compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.errors import BenchError
from bench.evidence.comparison.comparable_groups import largest_comparable_group
from bench.experiments.records import ExperimentResult, read_experiment
from bench.experiments.results import MARK, Results

RECORD = "experiment.json"


def compared_experiments(
    named: Iterable[ExperimentResult | Results | str | Path],
) -> tuple[list[ExperimentResult], list[str]]:
    """The experiments that are named, each once, in the order given.

    Parameters
    ----------
    named : iterable of ExperimentResult, Results or path
        An experiment or its folder stands for itself; results, or their folder, for the largest track in them.

    Returns
    -------
    list of ExperimentResult
        What is to be compared.
    list of str
        What was left out, in sentences.

    Raises
    ------
    BenchError
        A path is neither kind of folder, or a results folder holds nothing that can be compared.
    """
    found: dict[Path, ExperimentResult] = {}
    notes: list[str] = []
    for item in named:
        if isinstance(item, ExperimentResult):
            ours = [item]
        elif isinstance(item, Results):
            ours = _track(item, notes)
        else:
            ours = _at(Path(item), notes)
        found |= {experiment.folder.resolve(): experiment for experiment in ours}
    return list(found.values()), notes


def experiment_at(path: Path) -> ExperimentResult | None:
    """The experiment whose folder this is; None where it is none."""
    return read_experiment(path) if (path / RECORD).is_file() else None


def _at(path: Path, notes: list[str]) -> list[ExperimentResult]:
    experiment = experiment_at(path)
    if experiment is not None:
        return [experiment]
    if not (path / MARK).is_file():
        what = "is neither an experiment's folder nor a results folder" if path.exists() else "does not exist"
        raise BenchError(f"{path}: {what}; experiments lie in RESULTS/experiments/, and bench matrix makes RESULTS")
    return _track(Results.open(path), notes)


def _track(results: Results, notes: list[str]) -> list[ExperimentResult]:
    current = results.current()[0]
    track = largest_comparable_group(current)
    if not track:
        held = "only LEAKY experiments, which are not compared" if current else "no finished experiment"
        raise BenchError(f"{results.path}: holds {held}; run bench matrix with --split patient first")
    others = len(current) - len(track)
    if others:
        notes.append(
            f"{results.path}: {others} of {len(current)} experiments belong to other tracks (data, folds or protocol) "
            "and are left out; name their folders to compare them."
        )
    return track
