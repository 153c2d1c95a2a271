"""Refit a finished experiment with other folds or other labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from bench.errors import BenchError
from bench.evaluation.fold import FoldResult
from bench.executors.executor import open_executor
from bench.executors.failures import failure_reason
from bench.experiments.fold_jobs import fit_time, fold_job
from bench.experiments.parts import with_cells
from bench.experiments.plan import Plan
from bench.experiments.records import ExperimentResult, read_experiment
from bench.experiments.reload import Reloaded
from bench.experiments.results import Results
from bench.experiments.run import run_plan
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.extraction import ensure_stored
from bench.features.store.entry import Entry
from bench.observer import DistinctNotices, Observer
from bench.splits.fold_manifest import Folds
from bench.storage.folders import writable_folder

REFITS = "refits"
"""Folder of the refits in a results folder; a results folder itself."""


@dataclass(frozen=True)
class Study:
    """Labels and folds of a refit.

    Parameters
    ----------
    name : str
        Name in error messages.
    labels : ndarray of str, shape (n_cells,)
        Label of each cell.
    folds : Folds
        Outer folds.
    """

    name: str
    labels: npt.NDArray[Any]
    folds: Folds


@dataclass
class _Progress:
    """Results of a study whose folds are in flight; `left` folds are missing."""

    study: Study
    left: int
    parts: list[tuple[int, int, pd.DataFrame]] = field(default_factory=list)


def fit_with_split(reloaded: Reloaded, split: str, *, jobs: int, observer: Observer) -> ExperimentResult:
    """Return the experiment with the outer folds of `split`, computed with the current code, libraries and weights.

    It is read from the results folder or from its `refits`; if neither contains it, it is run in `refits`.

    Raises
    ------
    BenchError
        It cannot be planned, or it fails.
    """
    plan = reloaded.under(split)
    experiment = plan.experiments[0]
    refits = Results(reloaded.results.path / REFITS)
    for results in (reloaded.results, refits):
        if results.is_done(experiment.slug):
            return read_experiment(results.experiment_folder(experiment.slug))
    if experiment.problem:
        raise BenchError(f"{experiment.name}: {experiment.problem}")
    writable_folder(plan.store, "--store")
    refits = Results.create(refits.path)
    options = plan.options.replace(retry_failed=True, out=refits.path, jobs=jobs)
    run_plan(replace(plan, options=options), refits, observer=observer)
    failure = refits.failure(experiment.slug)
    if failure is not None:
        raise BenchError(f"{experiment.name}, folds by {split}: {failure.reason}")
    return read_experiment(refits.experiment_folder(experiment.slug))


def refit(plan: Plan, studies: Iterable[Study], *, jobs: int, observer: Observer) -> Iterator[tuple[str, pd.DataFrame]]:
    """Fit the plan's first experiment for each study.

    Features of a stateless extractor are read from the store, and extracted into it if they are missing.

    Yields
    ------
    name : str
        Name of the study, in the order in which they finish.
    predictions : DataFrame
        Outer out-of-fold predictions: `cell`, `patient`, `unit`, `label` (of the study), `repeat`, `fold`, `threshold`,
        `p_<class>`, as in `ExperimentResult.predictions`.

    Raises
    ------
    BenchError
        A fold failed; the message names study and fold.
    """
    options, observer = plan.options, DistinctNotices(observer)
    stored_features(plan, jobs=jobs, observer=observer)
    with open_executor(jobs, options.threads, fit_time=options.fit_time) as executor:
        waiting: dict[Future[FoldResult], tuple[_Progress, FoldJob]] = {}
        tasks = _tasks(plan, studies)
        while True:
            # Folds of the next study start before the last ones end, so that no worker waits.
            while len(waiting) < 2 * jobs and (task := next(tasks, None)) is not None:
                (progress, job), name = task, task[0].study.name
                time = fit_time(plan, name, job.repeat, job.fold, observer)
                waiting[executor.submit(fit_fold, job, fit_time=time)] = task
            if not waiting:
                return
            for future in executor.wait(list(waiting)):
                progress, job = waiting.pop(future)
                if reason := failure_reason(future):
                    raise BenchError(f"{progress.study.name}, repeat {job.repeat}, fold {job.fold}: {reason}")
                result = future.result()
                for notice in result.notices:
                    observer.notice(notice)
                progress.parts.append((job.repeat, job.fold, result.predictions))
                progress.left -= 1
                if not progress.left:
                    yield progress.study.name, _joined(plan, progress)


def stored_features(plan: Plan, *, jobs: int, observer: Observer) -> Entry | None:
    """Extract the features of the plan's first experiment if missing; return those of the row's extractor, if any."""
    experiment = plan.experiments[0]
    for request in plan.features(experiment):
        ensure_stored(replace(request, options=plan.options.replace(jobs=jobs)), observer)
    return experiment.entry


@contextmanager
def disk_errors_as_bench_error(results: Path, store: Path) -> Iterator[None]:
    """Convert disk errors to a BenchError that states what is kept."""
    try:
        yield
    except BrokenPipeError:  # of a message; no file raises it
        raise
    except OSError as error:
        location = "" if error.filename is None else f": {error.filename}"
        raise BenchError(
            f"the run stopped: {results} or {store} cannot be read or written ({error.strerror or error}{location}). "
            "Finished parts are stored; run the same command again to continue."
        ) from error


def _tasks(plan: Plan, studies: Iterable[Study]) -> Iterator[tuple[_Progress, FoldJob]]:
    experiment = plan.experiments[0]
    for study in studies:
        splits = list(study.folds.splits())
        progress = _Progress(study, left=len(splits))
        for split in splits:
            yield progress, fold_job(plan, experiment, study.labels, split)


def _joined(plan: Plan, progress: _Progress) -> pd.DataFrame:
    joined = pd.concat([part for _, _, part in sorted(progress.parts, key=lambda p: p[:2])], ignore_index=True)
    cells = plan.opened.dataset.table[["cell", "patient", "unit"]].assign(label=progress.study.labels)
    return with_cells(joined, cells)
