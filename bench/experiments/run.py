"""A planned matrix is run on an executor: what is done is skipped, what fails becomes a row, the rest goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from filelock import FileLock

from bench.errors import BenchError
from bench.evaluation.fold import FoldResult
from bench.evaluation.optimism import optimism
from bench.executors.local import LocalPool, local_pool, reason_of
from bench.experiments.experiment import Experiment
from bench.experiments.plan import Plan
from bench.experiments.results import Results
from bench.experiments.tuning_storage import StudyPlace
from bench.experiments.worker import FoldJob, fit_fold
from bench.features.extraction import Extraction, begin, engine_settings, ready
from bench.features.store.entry import Entry, digests_array
from bench.features.store.fit_key import FitPlace
from bench.observer import Observer
from bench.plugins.devices import missing_gpu_notice
from bench.plugins.feature_catalogue import described
from bench.scores.metrics import METRICS, PRIMARY, score
from bench.splits.fold_manifest import write_folds
from bench.splits.folds import Indices
from bench.splits.held_out_log import AccessLog
from bench.storage.json_files import read_json, write_json
from bench.storage.locks import POLL_S, try_lock
from extractors.files.atomic import atomic_folder


@dataclass
class _Fit:
    experiment: Experiment
    lock: FileLock
    left: set[Future[Any]] = field(default_factory=set)


def run_plan(plan: Plan, results: Results, *, jobs: int, observer: Observer | None = None) -> None:
    """Run what the plan has still to run; every experiment ends as a result or as a failure with its reason.

    Two processes may run plans into one folder and one store: each piece of work is done by one of them.
    """
    manifest = results.folds_path(plan.folds.hash)
    if not manifest.is_file():
        write_folds(plan.folds, manifest)
    with local_pool(jobs, plan.protocol.threads) as pool:
        _Run(plan, results, pool, observer or Observer(), most_tasks=4 * jobs).run()


def fold_job(
    plan: Plan,
    experiment: Experiment,
    labels: npt.NDArray[Any],
    *,
    repeat: int,
    fold: int,
    train: Indices,
    test: Indices,
) -> FoldJob:
    """What a worker needs to fit one fold of an experiment.

    Parameters
    ----------
    labels : ndarray of str, shape (n_cells,)
        The data set's labels, or others in their place (a permutation test).
    repeat, fold, train, test
        One of `Folds.splits()`.
    """
    data, entry = plan.opened.dataset, experiment.entry
    by_cell = plan.protocol.split == "image"
    return FoldJob(
        extractor=experiment.extractor,
        classifier=experiment.classifier,
        protocol=plan.protocol,
        positive=data.positive,
        labels=labels,
        units=data.table["cell" if by_cell else "unit"].to_numpy().astype(str),
        features=None if entry is None else str(entry.folder),
        cells=plan.cells(experiment) if entry is None else None,
        repeat=repeat,
        fold=fold,
        train=train,
        test=test,
        study=_study(plan.options.storage, experiment, repeat, fold) if plan.protocol.tune else None,
        fits=_fits(plan, experiment, labels),
    )


def _fits(plan: Plan, experiment: Experiment, labels: npt.NDArray[Any]) -> FitPlace | None:
    """Where the features of an extractor that learns are kept; those of permuted labels are not."""
    if experiment.extractor is None or not experiment.extractor.requires_fit:
        return None
    table = plan.opened.dataset.table
    return FitPlace(
        store=plan.store if np.array_equal(labels, table["label"].to_numpy().astype(str)) else None,
        identity=experiment.components["features"],
        engine=engine_settings(plan.options),
        digests=digests_array(plan.opened.cell_digests),
        patients=table["patient"].to_numpy().astype(str),
    )


def _study(storage: str | None, experiment: Experiment, repeat: int, fold: int) -> StudyPlace | None:
    if storage is None:
        return None
    return StudyPlace(storage, f"{experiment.key}-repeat{repeat}-fold{fold}", experiment.name)


class _Run:
    def __init__(self, plan: Plan, results: Results, pool: LocalPool, observer: Observer, *, most_tasks: int) -> None:
        self.plan, self.results, self.pool, self.observer = plan, results, pool, observer
        self.most_tasks = most_tasks
        self.handlers: dict[Future[Any], Callable[[Future[Any]], None]] = {}
        self.extractions: dict[Path, Extraction] = {}
        self.fits: dict[str, _Fit] = {}
        self.broken: dict[Path, str] = {}
        self.told = False
        self.heard: set[str] = set()
        self.splits = list(plan.folds.splits())
        table = plan.opened.dataset.table
        self.labels = table["label"].to_numpy().astype(str)
        held_out = plan.opened.held_out_digest
        self.look = None if held_out is None else AccessLog(results.path, held_out, plan.options.reason)
        self.waiting = [e for e in plan.experiments if not self._settled(e)]
        self.total = len(self.waiting)

    def run(self) -> None:
        """Go on until every experiment has an outcome; whatever ends it, no lock stays behind."""
        try:
            self._progress()
            self._tell_without_gpu()
            self._work()
            if self.look is not None:
                self.observer.notice(self.look.summary())
        finally:
            held = [e.lock for e in self.extractions.values()] + [f.lock for f in self.fits.values()]
            for lock in held:
                lock.release()

    def _work(self) -> None:
        while self.waiting or self.handlers:
            self._start_what_can_start()
            if not self.handlers:
                if self.waiting:
                    self._wait_for_others()
                continue
            done, _ = wait(self.handlers, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                if (handle := self.handlers.pop(future, None)) is not None:
                    handle(future)

    def _tell_without_gpu(self) -> None:
        lacking = [e.extractor for e in self.waiting if e.extractor and e.entry is not None and not e.entry.stored]
        if notice := missing_gpu_notice(self.plan.options.device, lacking):
            self.observer.notice(notice)

    def _tell(self, notices: Iterable[str]) -> None:
        """Tell what workers noticed, each sentence once."""
        for notice in notices:
            if notice not in self.heard:
                self.heard.add(notice)
                self.observer.notice(notice)

    def _wait_for_others(self) -> None:
        if not self.told:
            self.observer.notice(f"another process works on {self.waiting[0].name}; waiting for it")
            self.told = True
        time.sleep(POLL_S)

    def _settled(self, experiment: Experiment) -> bool:
        if self.results.is_done(experiment.slug):
            return True
        failed = self.results.failure(experiment.slug) is not None
        return failed and not self.plan.options.retry_failed

    def _start_what_can_start(self) -> None:
        for experiment in list(self.waiting):
            if len(self.handlers) >= self.most_tasks:
                return
            if experiment.problem:
                self.waiting.remove(experiment)
                self._fail(experiment, experiment.problem)
            elif self._features_ready(experiment):
                self._start(experiment)

    def _features_ready(self, experiment: Experiment) -> bool:
        entry = experiment.entry
        if entry is None:
            return True
        if entry.folder in self.extractions:
            return False
        if ready(entry):
            return True
        if entry.folder in self.broken:
            self.waiting.remove(experiment)
            self._fail(experiment, self.broken[entry.folder])
        else:
            self._start_extraction(experiment, entry)
        return False

    def _start_extraction(self, experiment: Experiment, entry: Entry) -> None:
        assert experiment.extractor is not None  # noqa: S101 (an experiment with an entry has an extractor)
        work = begin(
            entry,
            experiment.extractor,
            cells=self.plan.cells(experiment),
            digests=self.plan.opened.cell_digests,
            submit=self._submit,
            options=self.plan.options,
            observer=self.observer,
        )
        if work is None:
            return
        self.extractions[entry.folder] = work
        name = experiment.pipeline.features_name
        self.observer.progress(f"extract {name}", 0, work.chunks)
        for future in work.left:
            self.handlers[future] = lambda f, w=work, n=name: self._extracted(f, w, n)  # type: ignore[misc]
        if not work.left:
            self._join(work)

    def _extracted(self, future: Future[Any], work: Extraction, name: str) -> None:
        try:
            self._tell(work.finish(future))
        except BenchError as error:
            self._end_extraction(work, str(error))
            return
        self.observer.progress(f"extract {name}", work.done, work.chunks)
        if not work.left:
            self._join(work)

    def _join(self, work: Extraction) -> None:
        try:
            work.join()
        except BenchError as error:
            self._end_extraction(work, str(error))
        else:
            self._end_extraction(work)

    def _end_extraction(self, work: Extraction, reason: str = "") -> None:
        if reason:
            self.broken[work.entry.folder] = reason
        self._drop(work.left)
        work.release()
        del self.extractions[work.entry.folder]

    def _start(self, experiment: Experiment) -> None:
        lock = try_lock(self.results.lock_path(experiment.slug))
        if lock is None:
            return
        self.waiting.remove(experiment)
        if self._settled(experiment):
            lock.release()
            self._progress()
            return
        fit = _Fit(experiment, lock)
        self.fits[experiment.slug] = fit
        for repeat, fold, train, test in self.splits:
            if self._part(experiment, repeat, fold).is_dir():
                continue
            job = fold_job(self.plan, experiment, self.labels, repeat=repeat, fold=fold, train=train, test=test)
            future = self._submit(fit_fold, job)
            fit.left.add(future)
            self.handlers[future] = lambda f, w=fit, r=repeat, k=fold: self._fitted(f, w, r, k)  # type: ignore[misc]
        if not fit.left:
            self._conclude(fit)

    def _fitted(self, future: Future[Any], fit: _Fit, repeat: int, fold: int) -> None:
        fit.left.discard(future)
        reason = reason_of(future)
        if reason:
            self._drop(fit.left)
            self._fail(fit.experiment, f"repeat {repeat}, fold {fold}: {reason}")
            self._end(fit)
            return
        found = future.result()
        self._tell(found.notices)
        _write_part(self._part(fit.experiment, repeat, fold), found)
        if not fit.left:
            self._conclude(fit)

    def _conclude(self, fit: _Fit) -> None:
        try:
            self._finish(fit)
        except BenchError as error:
            self._fail(fit.experiment, str(error))
            self._end(fit)

    def _finish(self, fit: _Fit) -> None:
        experiment, plan = fit.experiment, self.plan
        parts = [self._part(experiment, repeat, fold) for repeat, fold, _, _ in self.splits]
        table = plan.opened.dataset.table[["cell", "patient", "unit", "label"]]
        tables = {name: _gather(parts, name, table) for name in ("predictions", "inner")}
        tables |= {name: _gather_some(parts, name) for name in ("trials", "importances")}
        if experiment.extractor is not None and len(tables["importances"]):
            tables["features"] = pd.DataFrame(described(experiment.extractor))
        data = plan.opened.dataset
        scores = score(
            tables["predictions"],
            classes=data.classes,
            positive=data.positive,
            aggregate=plan.protocol.aggregate,
            seed=plan.protocol.seed,
            held_out=plan.protocol.split == "held-out",
        )
        tables["scores"] = scores
        tables["optimism"] = optimism(
            tables["trials"],
            tables["predictions"],
            classes=data.classes,
            positive=data.positive,
            unit="cell" if plan.protocol.split == "image" else "unit",
        )
        timing = {p.name: read_json(p / "timing.json") for p in parts}
        if self.look is not None:
            self.look.add(experiment.name)
        self.results.write_experiment(experiment.slug, plan.record(experiment), tables, timing)
        self._end(fit)
        self.observer.finished(experiment.name, _told(scores))

    def _fail(self, experiment: Experiment, reason: str) -> None:
        self.results.write_failure(experiment.slug, self.plan.record(experiment), reason)
        self.observer.finished(experiment.name, f"failed: {reason}")
        self._progress()

    def _end(self, fit: _Fit) -> None:
        fit.lock.release()
        del self.fits[fit.experiment.slug]
        self._progress()

    def _progress(self) -> None:
        open_ones = len(self.waiting) + len(self.fits)
        self.observer.progress("experiments", self.total - open_ones, self.total)

    def _part(self, experiment: Experiment, repeat: int, fold: int) -> Path:
        return self.results.work_folder(experiment.slug) / f"repeat{repeat}-fold{fold}"

    def _submit(self, task: Callable[..., Any], *args: Any) -> Future[Any]:
        return self.pool.submit(task, *args, timeout_s=self.plan.options.timeout)

    def _drop(self, futures: set[Future[Any]]) -> None:
        for future in futures:
            self.handlers.pop(future, None)
            future.cancel()


def _write_part(target: Path, result: FoldResult) -> None:
    with atomic_folder(target) as folder:
        result.predictions.to_parquet(folder / "predictions.parquet", index=False)
        result.inner.to_parquet(folder / "inner.parquet", index=False)
        for name, table in (("trials", result.trials), ("importances", result.importances)):
            if len(table):
                table.to_parquet(folder / f"{name}.parquet", index=False)
        write_json(folder / "timing.json", result.seconds)


def _told(scores: pd.DataFrame) -> str:
    """The first headline metric that is defined, with its interval: leaving one patient out has no AUROC."""
    found = scores[[METRICS[str(name)].headline for name in scores["metric"]]].dropna(subset=["value"])
    for line in found.sort_values("metric", key=lambda names: names != PRIMARY, kind="stable").itertuples():
        return f"{METRICS[str(line.metric)].title} {line.value:.2f} [{line.low:.2f}, {line.high:.2f}]"
    return "done; no headline metric is defined"


def _gather(parts: list[Path], name: str, cells: pd.DataFrame) -> pd.DataFrame:
    joined = pd.concat([pd.read_parquet(p / f"{name}.parquet") for p in parts], ignore_index=True)
    described = cells.iloc[joined["row"].to_numpy()].reset_index(drop=True)
    return pd.concat([described, joined.drop(columns="row")], axis=1)


def _gather_some(parts: list[Path], name: str) -> pd.DataFrame:
    """The tables of a name of those folds that have one."""
    there = [pd.read_parquet(path) for p in parts if (path := p / f"{name}.parquet").is_file()]
    return pd.concat(there, ignore_index=True) if there else pd.DataFrame()
