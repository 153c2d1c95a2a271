"""Missing values of the features of a plan: notices, and fields of the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.experiments.experiment import Experiment
from bench.experiments.plan import Plan
from bench.features.missing import MissingValues, columns_without_values, missing_values
from bench.features.store.damage import usable
from bench.observer import Observer


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
            if experiment.entry is not None and usable(experiment.entry):
                self._read(experiment.entry.folder, experiment)

    def failure(self, experiment: Experiment) -> str:
        """Return why an experiment cannot run on its stored features; empty if some feature has a value."""
        return "" if experiment.entry is None else self._read(experiment.entry.folder, experiment)[0].failure

    def record(self, experiment: Experiment) -> dict[str, Any]:
        """Return the field `missing` of the record of an experiment on stored features; otherwise empty."""
        return {} if experiment.entry is None else {"missing": self._read(experiment.entry.folder, experiment)[1]}

    def _read(self, folder: Path, experiment: Experiment) -> tuple[MissingValues, dict[str, Any]]:
        if folder not in self._known:
            name = experiment.pipeline.features_name
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
