"""A finished experiment is fitted again: under other folds, or with other labels."""

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
from bench.executors.executor import Executor, Limits, failure_reason
from bench.executors.open import ExecutorOptions, open_executor
from bench.experiments.fold_jobs import fold_job
from bench.experiments.notices import Notices
from bench.experiments.plan import Plan
from bench.experiments.records import ExperimentResult, read_experiment
from bench.experiments.reopen import Reopened
from bench.experiments.results import Results
from bench.experiments.run import run_plan
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.extraction import extract, ready
from bench.features.store.entry import Entry
from bench.observer import Observer
from bench.plugins.devices import missing_gpu_notice
from bench.splits.fold_manifest import Folds
from bench.storage.folders import writable_folder

REFITS = "refits"
"""Folder in a results folder, a results folder itself, of what was fitted to look into its experiments."""


@dataclass(frozen=True)
class Study:
    """One more way to fit an experiment.

    Parameters
    ----------
    name : str
        What an error calls it.
    labels : ndarray of str, shape (n_cells,)
        Label of each cell.
    folds : Folds
        Outer folds.
    """

    name: str
    labels: npt.NDArray[Any]
    folds: Folds


@dataclass
class _Open:
    study: Study
    left: int
    parts: list[tuple[int, int, pd.DataFrame]] = field(default_factory=list)


def fitted(reopened: Reopened, split: str, *, jobs: int, observer: Observer) -> ExperimentResult:
    """The experiment under the outer folds of `split`, as today's code, libraries and weights give it.

    Taken from the results folder where it holds it, else from its `refits`, else run there.

    Raises
    ------
    BenchError
        It cannot be planned or fails.
    """
    plan = reopened.under(split)
    experiment = plan.experiments[0]
    refits = Results(reopened.results.path / REFITS)
    for place in (reopened.results, refits):
        if place.is_done(experiment.slug):
            return _read(place, experiment.slug)
    if experiment.problem:
        raise BenchError(f"{experiment.name}: {experiment.problem}")
    writable_folder(plan.store, "--store")
    refits = Results.create(refits.path)
    retried = plan.options.replace(retry_failed=True, out=refits.path)
    run_plan(replace(plan, options=retried), refits, jobs=jobs, observer=observer)
    failure = refits.failure(experiment.slug)
    if failure is not None:
        raise BenchError(f"{experiment.name}, folds by {split}: {failure.reason}")
    return _read(refits, experiment.slug)


def refit(plan: Plan, studies: Iterable[Study], *, jobs: int, observer: Observer) -> Iterator[tuple[str, pd.DataFrame]]:
    """Fit the plan's first experiment anew for each study, on local workers.

    Features that need no fit are taken from the store, and extracted into it where they are missing.

    Yields
    ------
    name : str
        The study's, in the order in which they finish.
    predictions : DataFrame
        Out of fold: `cell`, `patient`, `unit`, `label` (the study's), `repeat`, `fold`, `threshold`, `p_<class>`, as
        an experiment keeps them.

    Raises
    ------
    BenchError
        A fold fails; the message names study and fold.
    """
    limits, notices = Limits(plan.options.timeout), Notices(observer)
    with open_executor(ExecutorOptions(jobs, plan.protocol.threads, limits.timeout_s)) as executor:
        _extract(plan, executor, observer)
        waiting: dict[Future[FoldResult], tuple[_Open, FoldJob]] = {}
        tasks = _tasks(plan, studies)
        while True:
            # Folds of the next study start before the last ones end, so that no worker waits.
            while len(waiting) < 2 * jobs and (task := next(tasks, None)) is not None:
                waiting[executor.submit(fit_fold, task[1], limits=limits)] = task
            if not waiting:
                return
            for future in executor.wait(list(waiting)):
                of, job = waiting.pop(future)
                if reason := failure_reason(future):
                    raise BenchError(f"{of.study.name}, repeat {job.repeat}, fold {job.fold}: {reason}")
                result = future.result()
                notices.forward(result.notices)
                of.parts.append((job.repeat, job.fold, result.predictions))
                of.left -= 1
                if not of.left:
                    yield of.study.name, _gathered(plan, of)


def stored_features(plan: Plan, *, jobs: int, observer: Observer) -> Entry | None:
    """The features of the plan's first experiment, whole, extracted where they are missing; None where it has none."""
    entry = plan.experiments[0].entry
    if entry is not None and not ready(entry):
        with open_executor(ExecutorOptions(jobs, plan.protocol.threads, plan.options.timeout)) as executor:
            _extract(plan, executor, observer)
    return entry


@contextmanager
def disk_errors_as_bench_error(results: Path, store: Path) -> Iterator[None]:
    """Turn an error of the disk into a sentence of what is kept."""
    try:
        yield
    except OSError as error:
        place = "" if error.filename is None else f": {error.filename}"
        raise BenchError(
            f"stopped: {results} or {store} cannot be read or written any more ({error.strerror or error}{place}). "
            "What was finished is kept; the same command goes on from there."
        ) from error


def _tasks(plan: Plan, studies: Iterable[Study]) -> Iterator[tuple[_Open, FoldJob]]:
    experiment = plan.experiments[0]
    for study in studies:
        splits = list(study.folds.splits())
        of = _Open(study, left=len(splits))
        for repeat, fold, train, test in splits:
            yield of, fold_job(plan, experiment, study.labels, repeat=repeat, fold=fold, train=train, test=test)


def _gathered(plan: Plan, of: _Open) -> pd.DataFrame:
    joined = pd.concat([part for _, _, part in sorted(of.parts, key=lambda p: p[:2])], ignore_index=True)
    cells = plan.opened.dataset.table[["cell", "patient", "unit"]].assign(label=of.study.labels)
    described = cells.iloc[joined["row"].to_numpy()].reset_index(drop=True)
    return pd.concat([described, joined.drop(columns="row")], axis=1)


def _extract(plan: Plan, executor: Executor, observer: Observer) -> None:
    experiment = plan.experiments[0]
    entry, extractor = experiment.entry, experiment.extractor
    if entry is None or extractor is None or ready(entry):
        return
    writable_folder(plan.store, "--store")
    if notice := missing_gpu_notice(plan.options.device, [extractor]):
        observer.notice(notice)
    extract(
        entry,
        extractor,
        cells=plan.cells(experiment),
        digests=plan.opened.cell_digests,
        executor=executor,
        options=plan.options,
        observer=observer,
    )


def _read(results: Results, slug: str) -> ExperimentResult:
    return read_experiment(results.experiment_folder(slug))
