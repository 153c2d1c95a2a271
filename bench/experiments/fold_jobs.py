"""Jobs of an experiment: the input of a worker that evaluates one fold, and the rules for its time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.evaluation.tuning import OpenStudy, study_in_memory
from bench.executors.fit_time import FitTime
from bench.experiments.experiment import Experiment
from bench.experiments.network_writer import Keep
from bench.experiments.plan import Plan
from bench.experiments.tuning_storage import study_at
from bench.experiments.worker import FoldJob, MemberSource
from bench.features.extraction import engine_settings
from bench.features.store.entry import digests_array
from bench.features.store.fit_key import FitLocation
from bench.observer import Observer
from bench.plugins.plugin import Plugin
from bench.splits.folds import Indices


def fold_job(
    plan: Plan,
    experiment: Experiment,
    labels: npt.NDArray[Any],
    split: tuple[int, int, Indices, Indices],
    *,
    checkpoints: Path | None = None,
    models: Path | None = None,
    keep: Keep = "networks",
) -> FoldJob:
    """Return the job of one fold of an experiment.

    Parameters
    ----------
    labels : ndarray of str, shape (n_cells,)
        The dataset's labels, or permuted ones.
    split : tuple
        Repeat, fold, training and test positions, of `Folds.splits()`.
    checkpoints : Path, optional
        Folder in which fits of networks store their finished epochs. Default: nothing is stored.
    models : Path, optional
        Folder in which networks are stored. Default: none is.
    keep : {"networks", "all"}
        Networks of the outer fit, or also those of the inner fits.
    """
    data, entry, (repeat, fold, train, test) = plan.opened.dataset, experiment.entry, split
    by_cell = experiment.protocol.split == "image"
    return FoldJob(
        extractor=experiment.pipeline.extractor,
        classifier=experiment.pipeline.classifier,
        protocol=experiment.protocol,
        positive=data.positive,
        labels=labels,
        units=data.table["cell" if by_cell else "unit"].to_numpy().astype(str),
        features=None if entry is None else str(entry.folder),
        cells=plan.cells(experiment) if experiment.pipeline.fitted_on_images else None,
        repeat=repeat,
        fold=fold,
        train=train,
        test=test,
        validation=experiment.folds.validation(repeat, fold),
        engine={**engine_settings(plan.options), **_logger(plan, experiment, repeat, fold)},
        weights_sha256=experiment.components["classifier_weights"],
        config_sha256=experiment.components.get("classifier_config"),
        nested_networks=experiment.components["classifier_networks"],
        open_study=_open_study(plan, experiment, repeat, fold),
        fits=_fit_location(plan, experiment.pipeline.extractor, experiment.components["features"], labels),
        members=_member_sources(plan, experiment, labels),
        checkpoints=checkpoints,
        models=models,
        keep=keep,
    )


def fit_time(plan: Plan, name: str, repeat: int, fold: int, observer: Observer) -> FitTime:
    """Return the rules for the time of the fit of one fold; `name` is that of the experiment or study."""
    text = f"the fit of {name}, repeat {repeat}, fold {fold} has run for an hour; --fit-time SECONDS sets a limit"
    return FitTime(plan.options.fit_time, lambda: observer.notice(text))


def _open_study(plan: Plan, experiment: Experiment, repeat: int, fold: int) -> OpenStudy:
    """Return the function that opens the fold's tuning study, in `--storage` or in memory."""
    storage = plan.options.storage
    if storage is None or not experiment.protocol.tunes:
        return study_in_memory
    return partial(study_at, storage, f"{experiment.key}-repeat{repeat}-fold{fold}", experiment.name)


def _logger(plan: Plan, experiment: Experiment, repeat: int, fold: int) -> dict[str, Any]:
    """Return the logger of the fits of a fold as a parameter of the engine; empty without one."""
    if plan.logger is None:
        return {}
    return {"logger": plan.logger.described(key=experiment.key[:12], repeat=repeat, fold=fold)}


def _member_sources(plan: Plan, experiment: Experiment, labels: npt.NDArray[Any]) -> tuple[MemberSource, ...]:
    """Return the inputs of the members of an ensemble whose members have extractors of their own."""
    return tuple(
        MemberSource(
            extractor,
            None if source.entry is None else str(source.entry.folder),
            _fit_location(plan, extractor, source.identity, labels),
        )
        for extractor, source in zip(experiment.pipeline.member_extractors, experiment.members, strict=True)
    )


def _fit_location(
    plan: Plan, extractor: Plugin | None, identity: Mapping[str, Any], labels: npt.NDArray[Any]
) -> FitLocation | None:
    """Return the location of the features of a stateful extractor; those of permuted labels are temporary."""
    if extractor is None or not extractor.requires_fit:
        return None
    table = plan.opened.dataset.table
    return FitLocation(
        store=plan.store if np.array_equal(labels, table["label"].to_numpy().astype(str)) else None,
        identity=identity,
        engine=engine_settings(plan.options),
        digests=digests_array(plan.opened.cell_digests),
        patients=table["patient"].to_numpy().astype(str),
    )
