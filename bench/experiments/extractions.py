"""Feature extractions that a run has started, one per entry of the feature store."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError
from bench.experiments.experiment import Experiment
from bench.experiments.notices import Notices
from bench.experiments.plan import Plan
from bench.experiments.tasks import Tasks
from bench.features.extraction import Extraction, begin, ready
from bench.features.store.entry import Entry
from bench.observer import Observer


class Extractions:
    """Starts extractions and follows them until their features are stored.

    Parameters
    ----------
    plan : Plan
        Plan with the cells.
    tasks : Tasks
        Queue to which chunks are submitted.
    observer : Observer
        Receives progress.
    notices : Notices
        Receives messages of the extractors.
    """

    def __init__(self, plan: Plan, tasks: Tasks, observer: Observer, notices: Notices) -> None:
        self._plan, self._tasks, self._observer, self._notices = plan, tasks, observer, notices
        self._running: dict[Path, Extraction] = {}
        self._failures: dict[Path, str] = {}

    def failure(self, experiment: Experiment) -> str:
        """Return why the features of an experiment could not be extracted; an empty string if they could."""
        return "" if experiment.entry is None else self._failures.get(experiment.entry.folder, "")

    def request(self, experiment: Experiment) -> Literal["ready", "waiting", "failed"]:
        """Return the state of an experiment's features; start their extraction if nothing extracts them yet."""
        entry = experiment.entry
        if entry is None:
            return "ready"
        if entry.folder in self._running:
            return "waiting"
        if ready(entry):
            return "ready"
        if entry.folder in self._failures:
            return "failed"
        self._start(experiment, entry)
        return "waiting"

    def release(self) -> None:
        """Release all locks."""
        for work in self._running.values():
            work.release()

    def _start(self, experiment: Experiment, entry: Entry) -> None:
        assert experiment.extractor is not None  # noqa: S101 (an experiment with an entry has an extractor)
        work = begin(
            entry,
            experiment.extractor,
            cells=self._plan.cells(experiment),
            digests=self._plan.opened.cell_digests,
            submit=self._tasks.submit,
            options=self._plan.options,
            observer=self._observer,
        )
        if work is None:
            return
        self._running[entry.folder] = work
        name = experiment.pipeline.features_name
        self._observer.progress(f"extract {name}", 0, work.chunks)
        for future in work.left:
            self._tasks.handle(future, lambda f, w=work, n=name: self._chunk_done(f, w, n))  # type: ignore[misc]
        if not work.left:
            self._join(work)

    def _chunk_done(self, future: Future[Any], work: Extraction, name: str) -> None:
        try:
            self._notices.forward(work.finish(future))
        except BenchError as error:
            self._end(work, str(error))
            return
        self._observer.progress(f"extract {name}", work.done, work.chunks)
        if not work.left:
            self._join(work)

    def _join(self, work: Extraction) -> None:
        try:
            work.join()
        except BenchError as error:
            self._end(work, str(error))
        else:
            self._end(work)

    def _end(self, work: Extraction, failure: str = "") -> None:
        if failure:
            self._failures[work.entry.folder] = failure
        self._tasks.drop(work.left)
        work.release()
        del self._running[work.entry.folder]
