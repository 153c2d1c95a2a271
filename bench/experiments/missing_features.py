"""Missing values of the features of a plan: notices, and fields of the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.experiments.experiment import Experiment
from bench.experiments.plan import Plan
from bench.features.missing import MissingValues, columns_without_values, missing_values
from bench.features.store.damage import usable
from bench.features.store.entry import Entry
from bench.observer import Observer
from bench.plugins.pipeline import prepared_name
from bench.plugins.plugin import Plugin


class MissingFeatures:
    """Reads the missing values of each stored entry once and sends their notices once.

    Parameters
    ----------
    plan : Plan
        Cells, folds and experiments.
    observer : Observer
        Receives notices.
    """

    def __init__(self, plan: Plan, observer: Observer) -> None:
        self._plan, self._observer = plan, observer
        self._known: dict[Path, tuple[MissingValues, dict[str, Any]]] = {}

    def report_stored(self) -> None:
        """Send the notices of the features that are stored already."""
        for experiment in self._plan.experiments:
            for extractor, entry in experiment.extracted:
                if usable(entry):
                    self._read(entry, extractor, experiment)

    def failure(self, experiment: Experiment) -> str:
        """Return why an experiment cannot run on its stored features; empty if each extractor has some value."""
        failures = (self._read(entry, extractor, experiment)[0].failure for extractor, entry in experiment.extracted)
        return next(filter(None, failures), "")

    def record(self, experiment: Experiment) -> dict[str, Any]:
        """Return the field `missing` of the record of an experiment on the stored features of its row's extractor."""
        entry, extractor = experiment.entry, experiment.pipeline.extractor
        if entry is None or extractor is None:
            return {}
        return {"missing": self._read(entry, extractor, experiment)[1]}

    def _read(self, entry: Entry, extractor: Plugin, experiment: Experiment) -> tuple[MissingValues, dict[str, Any]]:
        folder = entry.folder
        if folder not in self._known:
            name = prepared_name(experiment.pipeline.prepare, extractor.selector)
            missing = missing_values(folder, self._plan.opened.dataset.table)
            trainings = [train for _, _, train, _ in self._plan.folds.splits()]
            dropped = columns_without_values(folder, missing, trainings)
            affected = sum(columns > 0 for columns in dropped)
            fields = {**missing.record(), "dropped": {"columns": max(dropped), "folds": affected, "of": len(dropped)}}
            self._known[folder] = missing, fields
            for notice in missing.notices(name):
                self._observer.notice(notice)
            if affected and not missing.all_missing:
                self._observer.notice(
                    f"{name}: columns without a value in the training cells of a fold are dropped there: up to "
                    f"{max(dropped)} columns, in {affected} of {len(dropped)} folds"
                )
        return self._known[folder]
