"""Experiments that a run is fitting: locked, fitted fold by fold, scored and written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from bench.errors import BenchError
from bench.executors.executor import Tasks
from bench.executors.failures import failure_reason
from bench.experiments.experiment import Experiment
from bench.experiments.fold_jobs import fit_time, fold_job
from bench.experiments.missing_features import MissingFeatures
from bench.experiments.parts import check_part, networks_in, part_folder, tables_of, write_part
from bench.experiments.plan import Plan
from bench.experiments.records import headline_row, interval_text
from bench.experiments.results import Results
from bench.experiments.schema import DamagedError
from bench.experiments.stored_networks import MAX_STORED, MODELS, link_networks
from bench.experiments.worker import fit_fold
from bench.observer import Observer
from bench.scores.metrics import METRICS
from bench.splits.folds import Indices
from bench.splits.held_out_log import AccessLog
from bench.storage.fingerprints import digest
from bench.storage.json_files import read_json
from bench.storage.locks import try_lock

CHECKPOINTS = "checkpoints"
"""Folder in the work folder of an experiment."""


@dataclass
class _Fit:
    """An experiment whose folds are in flight."""

    experiment: Experiment
    lock: FileLock
    left: set[Future[Any]] = field(default_factory=set)


class Fits:
    """Starts experiments and follows them until they have an outcome.

    Parameters
    ----------
    plan : Plan
        Data, folds and protocol.
    results : Results
        Folder to which outcomes are written.
    tasks : Tasks
        Queue to which folds are submitted.
    observer : Observer
        Receives outcomes, and messages of the folds.
    missing : MissingFeatures
        Missing values of the features, for the records.
    on_end : callable
        Called without arguments after each outcome.
    """

    def __init__(
        self,
        plan: Plan,
        results: Results,
        *,
        tasks: Tasks,
        observer: Observer,
        missing: MissingFeatures,
        on_end: Callable[[], None],
    ) -> None:
        self._plan, self._results, self._tasks = plan, results, tasks
        self._observer, self._missing, self._on_end = observer, missing, on_end
        self._running: dict[str, _Fit] = {}
        self._labels = plan.opened.dataset.table["label"].to_numpy().astype(str)
        held_out = plan.opened.held_out_digest
        planned = digest(sorted(experiment.slug for experiment in plan.experiments))
        self.access_log: AccessLog | None = None
        if held_out is not None:
            self.access_log = AccessLog(results.path, held_out, plan.options.reason, planned)

    def __len__(self) -> int:
        return len(self._running)

    def is_settled(self, experiment: Experiment) -> bool:
        """Whether an experiment has an outcome that this run does not replace."""
        if self._results.is_done(experiment.slug):
            return True
        return self._results.failure(experiment.slug) is not None and not self._plan.options.retry_failed

    def start(self, experiment: Experiment) -> bool:
        """Lock an experiment and submit its missing folds; False if another process has the lock."""
        self._results.check_present()
        lock = try_lock(self._results.lock_path(experiment.slug))
        if lock is None:
            return False
        if self.is_settled(experiment):
            lock.release()
            self._on_end()
            return True
        fit = self._running[experiment.slug] = _Fit(experiment, lock)
        record = self._plan.record(experiment)
        for split in experiment.folds.splits():
            repeat, fold = split[:2]
            if self._is_finished(experiment, split, record):
                continue
            checkpoints = self._checkpoints(experiment, repeat, fold)
            job = fold_job(
                self._plan,
                experiment,
                self._labels,
                split,
                checkpoints=checkpoints,
                **self._storage_of_networks(experiment),
            )
            time = fit_time(self._plan, experiment.name, repeat, fold, self._observer)
            fold_done = partial(self._fold_done, fit, repeat, fold)
            fit.left.add(self._tasks.submit(fold_done, fit_fold, job, fit_time=time))
        if not fit.left:
            self._end(fit)
        return True

    def _is_finished(
        self, experiment: Experiment, split: tuple[int, int, Indices, Indices], record: Mapping[str, Any]
    ) -> bool:
        """Whether a fold has a result; a damaged one is deleted, with a notice."""
        part = self._part(experiment, *split[:2])
        if not part.exists():
            return False
        try:
            validation = experiment.folds.validation(*split[:2])
            check_part(part, split, record, models=self._models(experiment), validation=validation)
        except DamagedError as error:
            self._observer.notice(f"{error}; this fold is fitted again")
            shutil.rmtree(part) if part.is_dir() else part.unlink()
            return False
        return True

    def fail(self, experiment: Experiment, reason: str) -> None:
        """Record an experiment as failed, with the reason."""
        self._report(experiment, self._write_failure(experiment, reason))

    def release(self) -> None:
        """Release all locks."""
        for fit in self._running.values():
            fit.lock.release()

    def _fold_done(self, fit: _Fit, repeat: int, fold: int, future: Future[Any]) -> None:
        fit.left.discard(future)
        if reason := failure_reason(future):
            self._tasks.drop(fit.left)
            self._end(fit, f"repeat {repeat}, fold {fold}: {reason}")
            return
        result = future.result()
        for notice in result.notices:
            self._observer.notice(notice)
        self._results.check_present()
        write_part(self._part(fit.experiment, repeat, fold), result)
        shutil.rmtree(self._checkpoints(fit.experiment, repeat, fold), ignore_errors=True)
        if not fit.left:
            self._end(fit)

    def _end(self, fit: _Fit, reason: str = "") -> None:
        """Write the result of an experiment, or the reason of its failure, and release its lock."""
        experiment = fit.experiment
        try:
            outcome = self._write_failure(experiment, reason) if reason else self._write(experiment)
        except BenchError as error:
            outcome = self._write_failure(experiment, str(error))
        fit.lock.release()
        del self._running[experiment.slug]
        self._report(experiment, outcome)

    def _write(self, experiment: Experiment) -> str:
        """Score an experiment, write it and return its headline."""
        parts = [self._part(experiment, repeat, fold) for repeat, fold, _, _ in experiment.folds.splits()]
        tables = tables_of(self._plan, experiment, parts)
        timing = {part.name: read_json(part / "timing.json") for part in parts}
        self._results.check_present()
        if self.access_log is not None:
            self.access_log.add(experiment.name)
        record = self._plan.record(experiment) | self._missing.record(experiment)
        self._results.write_experiment(experiment.slug, record, tables, timing, self._networks(experiment, parts))
        first = headline_row(tables["scores"])
        if first is None:
            return "done; no headline metric is defined"
        return f"{METRICS[first.metric].title} {interval_text(first)}"

    def _networks(self, experiment: Experiment, parts: Sequence[Path]) -> list[dict[str, Any]]:
        """Move the networks of finished folds to their place and return their records."""
        work, target = self._models(experiment), self._results.path / MODELS
        fitted = [record for part in parts for record in networks_in(part, work)]
        networks = link_networks(fitted, work, target)
        if any(one["stored"] for one in fitted) and not any(one["stored"] for one in networks):
            self._observer.notice(
                f"{experiment.name}: its networks are not stored, because {target} would have more than "
                f"{MAX_STORED // 1024**3} GiB; delete networks that are not needed, or use --keep-models none"
            )
        return networks

    def _write_failure(self, experiment: Experiment, reason: str) -> str:
        self._results.write_failure(experiment.slug, self._plan.record(experiment), reason)
        return f"failed: {reason}"

    def _report(self, experiment: Experiment, outcome: str) -> None:
        self._on_end()
        self._observer.finished(experiment.name, outcome)

    def _part(self, experiment: Experiment, repeat: int, fold: int) -> Path:
        return part_folder(self._results.work_folder(experiment.slug), repeat, fold)

    def _models(self, experiment: Experiment) -> Path:
        """Return the folder of the networks of finished folds."""
        return (self._results.work_folder(experiment.slug) / MODELS).absolute()

    def _storage_of_networks(self, experiment: Experiment) -> dict[str, Any]:
        """Return where networks are stored, and which."""
        keep = self._plan.options.keep_models
        return {} if keep == "none" else {"models": self._models(experiment), "keep": keep}

    def _checkpoints(self, experiment: Experiment, repeat: int, fold: int) -> Path:
        """Return the folder for the finished epochs of the fits of a fold."""
        return part_folder(self._results.work_folder(experiment.slug) / CHECKPOINTS, repeat, fold).absolute()
