"""Fit networks of a finished experiment once more, fold by fold."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.evaluation.tuning import study_in_memory
from bench.executors.executor import open_executor
from bench.executors.failures import failure_reason
from bench.experiments.fold_jobs import fit_time, fold_job
from bench.experiments.network_writer import Keep
from bench.experiments.refit import stored_features
from bench.experiments.reload import Reloaded
from bench.experiments.worker import FoldJob, Refits, fit_networks
from bench.features.store.fit_key import FitLocation
from bench.observer import DistinctNotices, Observer
from bench.splits.folds import Indices
from bench.storage.folders import writable_folder

Records = tuple[dict[str, Any], ...]


def refit_networks(
    reloaded: Reloaded, folds: Mapping[tuple[int, int], Refits], folder: Path, *, jobs: int, observer: Observer
) -> dict[tuple[int, int], Records]:
    """Fit networks of some folds once more, with the current code, libraries and weights.

    Extractors are fitted, too: stored features of fitted extractors are not used.

    Parameters
    ----------
    reloaded : Reloaded
        The experiment.
    folds : mapping of (int, int) to {"extractors", "outer", "all"}
        By repeat and fold, which networks are fitted; see `bench.experiments.worker.fit_networks`.
    folder : Path
        Folder in which they are written, named by their digest.
    jobs : int
        Worker processes.
    observer : Observer
        Receives the progress.

    Returns
    -------
    dict of (int, int) to tuple of dict
        Records of the networks of each fold, as in `networks.json`.

    Raises
    ------
    BenchError
        A fold failed; the message names it.
    """
    plan, observer = reloaded.plan, DistinctNotices(observer)
    if any(True for _ in plan.features(reloaded.experiment)):
        writable_folder(plan.store, "--store")
        stored_features(plan, jobs=jobs, observer=observer)
    name, records = reloaded.result.name, dict[tuple[int, int], Records]()
    splits = [split for split in reloaded.experiment.folds.splits() if split[:2] in folds]
    observer.progress("networks", 0, len(splits))
    with open_executor(jobs, plan.options.threads, fit_time=plan.options.fit_time) as executor:
        waiting: dict[Future[Records], tuple[int, int]] = {}
        while splits or waiting:
            while splits and len(waiting) < 2 * jobs:
                repeat, fold, *_ = split = splits.pop(0)
                job = _job(reloaded, split, folds[repeat, fold], folder)
                time = fit_time(plan, name, repeat, fold, observer)
                waiting[executor.submit(fit_networks, job, folds[repeat, fold], fit_time=time)] = (repeat, fold)
            for future in executor.wait(list(waiting)):
                repeat, fold = waiting.pop(future)
                if reason := failure_reason(future):
                    raise BenchError(f"{name}, repeat {repeat}, fold {fold}: {reason}")
                records[repeat, fold] = future.result()
                observer.progress("networks", len(records), len(folds))
    return records


def _job(reloaded: Reloaded, split: tuple[int, int, Indices, Indices], what: Refits, folder: Path) -> FoldJob:
    """Return the job of a fold, in which extractors are fitted in a temporary store."""
    keep: Keep = "all" if what == "all" else "networks"
    job = fold_job(reloaded.plan, reloaded.experiment, reloaded.labels, split, models=folder, keep=keep)
    members = tuple(replace(member, fits=_temporary(member.fits)) for member in job.members)
    return replace(job, fits=_temporary(job.fits), members=members, open_study=study_in_memory)


def _temporary(place: FitLocation | None) -> FitLocation | None:
    return None if place is None else replace(place, store=None)
