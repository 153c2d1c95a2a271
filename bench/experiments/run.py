"""Run a planned matrix: finished experiments are skipped, failures become rows, the rest continues."""

from __future__ import annotations

import time

from bench.executors.executor import Executor, Limits
from bench.executors.open import ExecutorOptions, open_executor
from bench.experiments.experiment import Experiment
from bench.experiments.extractions import Extractions
from bench.experiments.fits import Fits
from bench.experiments.notices import Notices
from bench.experiments.plan import Plan
from bench.experiments.results import Results
from bench.experiments.tasks import Tasks
from bench.observer import Observer
from bench.plugins.devices import missing_gpu_notice
from bench.splits.fold_manifest import write_folds
from bench.storage.locks import POLL_S


def run_plan(plan: Plan, results: Results, *, jobs: int, observer: Observer | None = None) -> None:
    """Run the experiments of a plan that have no outcome; each ends as a result or as a failure with its reason.

    Several processes may run plans into one results folder and one feature store: they share the work.
    """
    manifest = results.folds_path(plan.folds.hash)
    if not manifest.is_file():
        write_folds(plan.folds, manifest)
    with open_executor(ExecutorOptions(jobs, plan.protocol.threads, plan.options.timeout)) as executor:
        _Run(plan, results, executor, observer or Observer()).run()


class _Run:
    """Schedules the experiments of a plan."""

    def __init__(self, plan: Plan, results: Results, executor: Executor, observer: Observer) -> None:
        self.plan, self.observer = plan, observer
        self.tasks = Tasks(executor, Limits(plan.options.timeout))
        notices = Notices(observer)
        self.extractions = Extractions(plan, self.tasks, observer, notices)
        self.fits = Fits(
            plan, results, tasks=self.tasks, observer=observer, notices=notices, on_end=self._report_progress
        )
        self.waiting = [e for e in plan.experiments if not self.fits.is_settled(e)]
        self.total = len(self.waiting)
        self.waits_for_others = False

    def run(self) -> None:
        """Continue until every experiment has an outcome; locks are released however this ends."""
        try:
            self._report_progress()
            self._report_missing_gpu()
            while self.waiting or self.tasks:
                self._start_experiments()
                if self.tasks:
                    self.tasks.wait(POLL_S)
                elif self.waiting:
                    self._wait_for_others()
            if self.fits.access_log is not None:
                self.observer.notice(self.fits.access_log.summary())
        finally:
            self.extractions.release()
            self.fits.release()

    def _start_experiments(self) -> None:
        """Start what can start, in the order of the plan, until all jobs are busy."""
        for experiment in list(self.waiting):
            if self.tasks.full:
                return
            state = "failed" if experiment.problem else self.extractions.request(experiment)
            if state == "failed":
                self.waiting.remove(experiment)
                self.fits.fail(experiment, experiment.problem or self.extractions.failure(experiment))
            elif state == "ready":
                self._start(experiment)

    def _start(self, experiment: Experiment) -> None:
        position = self.waiting.index(experiment)
        del self.waiting[position]  # before the start, whose progress reports count what waits
        if not self.fits.start(experiment):
            self.waiting.insert(position, experiment)

    def _wait_for_others(self) -> None:
        if not self.waits_for_others:
            self.observer.notice(f"another process works on {self.waiting[0].name}; waiting for it")
            self.waits_for_others = True
        time.sleep(POLL_S)

    def _report_missing_gpu(self) -> None:
        needed = [e.extractor for e in self.waiting if e.extractor and e.entry is not None and not e.entry.stored]
        if notice := missing_gpu_notice(self.plan.options.device, needed):
            self.observer.notice(notice)

    def _report_progress(self) -> None:
        self.observer.progress("experiments", self.total - len(self.waiting) - len(self.fits), self.total)
