"""Run a planned matrix: finished experiments are skipped, failures become rows, the rest continues."""

from __future__ import annotations

import time

from bench.executors.executor import Executor, Tasks, open_executor
from bench.experiments.experiment import Experiment
from bench.experiments.fits import Fits
from bench.experiments.missing_features import MissingFeatures
from bench.experiments.plan import Plan
from bench.experiments.results import Results
from bench.features.extraction import Extractions, ready
from bench.observer import DistinctNotices, Observer
from bench.plugins.devices import missing_gpu_notice
from bench.splits.fold_manifest import write_folds
from bench.storage.locks import POLL_S


def run_plan(plan: Plan, results: Results, *, observer: Observer | None = None) -> None:
    """Run the experiments of a plan that have no outcome; each ends as a result or as a failure with its reason.

    Several processes may run plans into one results folder and one feature store: they share the work.
    """
    for folds in {e.folds.hash: e.folds for e in plan.experiments}.values():
        manifest = results.folds_path(folds.hash)
        if not manifest.is_file():
            write_folds(folds, manifest)
    options = plan.options
    isolated = options.gpus_per_fit > 1  # tasks start processes
    with open_executor(options.jobs, options.threads, fit_time=options.fit_time, isolated=isolated) as executor:
        _Run(plan, results, executor, DistinctNotices(observer or Observer())).run()
    results.clean_work()


class _Run:
    """Schedules the experiments of a plan."""

    def __init__(self, plan: Plan, results: Results, executor: Executor, observer: Observer) -> None:
        self.plan, self.observer = plan, observer
        self.tasks = Tasks(executor)
        self.extractions = Extractions(self.tasks, observer)
        self.missing = MissingFeatures(plan, observer)
        self.fits = Fits(
            plan, results, tasks=self.tasks, observer=observer, missing=self.missing, on_end=self._report_progress
        )
        self.waiting = [e for e in plan.experiments if not self.fits.is_settled(e)]
        self.total = len(self.waiting)

    def run(self) -> None:
        """Continue until every experiment has an outcome; locks are released however this ends."""
        try:
            self._report_progress()
            self._report_missing_gpu()
            self.missing.report_stored()
            while self.waiting or self.tasks:
                started = self._start_experiments()
                if self.tasks:
                    self.tasks.wait(POLL_S)
                elif self.waiting and not started:
                    self.observer.notice(f"another process works on {self.waiting[0].name}; waiting for it")
                    time.sleep(POLL_S)
            if self.fits.access_log is not None:
                self.observer.notice(self.fits.access_log.summary())
        finally:
            self.extractions.release()
            self.fits.release()

    def _start_experiments(self) -> bool:
        """Start what can start, in the order of the plan, until all jobs are busy; return whether anything started."""
        started = False
        for experiment in list(self.waiting):
            if self.tasks.full:
                break
            started |= self._start(experiment)
        return started

    def _start(self, experiment: Experiment) -> bool:
        """Start an experiment, or the extraction of its features; False if it waits, here or for another process."""
        reason = experiment.problem
        for request in () if reason else self.plan.features(experiment):
            if ready(request.entry):
                continue
            reason = self.extractions.failure(request.entry)
            if not reason:
                return not self.extractions.is_running(request.entry) and self.extractions.start(request)
            break
        reason = reason or self.missing.failure(experiment)
        position = self.waiting.index(experiment)
        del self.waiting[position]  # before the start, whose progress reports count what waits
        if reason:
            self.fits.fail(experiment, reason)
        elif not self.fits.start(experiment):
            self.waiting.insert(position, experiment)
            return False
        return True

    def _report_missing_gpu(self) -> None:
        pipelines = [experiment.pipeline for experiment in self.waiting]
        needed = [pipeline.classifier for pipeline in pipelines]
        needed += [
            x for p in pipelines for x in (p.extractor, *p.member_extractors) if x is not None and x.requires_fit
        ]
        needed += [extractor for e in self.waiting for extractor, entry in e.extracted if not entry.stored]
        if notice := missing_gpu_notice(self.plan.options.device, needed):
            self.observer.notice(notice)

    def _report_progress(self) -> None:
        self.observer.progress("experiments", self.total - len(self.waiting) - len(self.fits), self.total)
