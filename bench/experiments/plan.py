"""Plan a matrix: its experiments, their state, and why each of them will run."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from bench.datasets.held_out import HELD_OUT, SET
from bench.datasets.loading import LoadedDataset, open_data
from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.experiments.experiment import ENGINE, FORMAT, Experiment, differing, experiment_of, features_of
from bench.experiments.pretrained_weights import licences_of, seen_before
from bench.experiments.records import (
    BASELINE,
    LEAKY,
    NO_PATIENTS,
    PUBLISHED,
    RANDOM_WEIGHTS,
    SEEN_IN_PRETRAINING,
    TIME_LIMITED,
)
from bench.experiments.results import Results
from bench.experiments.saved_options import reading_options
from bench.features.extraction import FeatureRequest, key_settings
from bench.observer import Observer
from bench.options import Options
from bench.plugins import objects
from bench.plugins.baselines import PRIOR, is_baseline, with_baselines
from bench.plugins.devices import check_gpus_per_fit
from bench.plugins.importing import installed
from bench.plugins.loggers import logger_spec
from bench.plugins.members import NESTING
from bench.plugins.pipeline import PipelineSpec, prepared_name
from bench.plugins.plugin import PIXELS, Plugin
from bench.plugins.preparation import parse_prepare
from bench.splits.fold_manifest import Folds
from bench.splits.grouping import folds_of
from bench.splits.outer_folds import auto_repeats
from bench.storage.fingerprints import code_digest
from bench.storage.folders import store_folder
from extractors.cells import Cells
from extractors.networks.training.logger_spec import LoggerSpec


@dataclass(frozen=True)
class Plan:
    """A matrix, ready to run.

    Parameters
    ----------
    options : Options
        Options of the run.
    opened : LoadedDataset
        The scanned dataset.
    experiments : tuple of Experiment
        In the order of the options.
    logger : LoggerSpec or None
        Logger of the trainings of networks; not part of any key.
    """

    options: Options
    opened: LoadedDataset
    experiments: tuple[Experiment, ...]
    logger: LoggerSpec | None = None

    @property
    def protocol(self) -> Protocol:
        """Evaluation protocol of the experiment with the most repeats; others differ in this number only."""
        return self._longest.protocol

    @property
    def folds(self) -> Folds:
        """Outer folds of the experiment with the most repeats; those of the others are its first repeats."""
        return self._longest.folds

    @property
    def repeats(self) -> tuple[int, ...]:
        """Distinct numbers of repeats of the experiments, in ascending order."""
        return tuple(sorted({e.protocol.repeats for e in self.experiments}))

    @property
    def _longest(self) -> Experiment:
        return max(self.experiments, key=lambda e: e.protocol.repeats)

    @property
    def store(self) -> Path:
        """Folder of the feature store."""
        return store_folder(self.options.store)

    def cells(self, experiment: Experiment) -> Cells:
        """Return the cells of the dataset, prepared as the experiment requires."""
        return self.opened.dataset.cells(parse_prepare(experiment.pipeline.prepare))

    def features(self, experiment: Experiment) -> Iterator[FeatureRequest]:
        """Yield the features of an experiment that have a store entry, stored or not."""
        for extractor, entry in experiment.extracted:
            name = prepared_name(experiment.pipeline.prepare, extractor.selector)
            cells, digests = self.cells(experiment), self.opened.cell_digests
            yield FeatureRequest(entry, extractor, cells, digests, self.options, name)

    def record(self, experiment: Experiment) -> dict[str, Any]:
        """Return the record of an experiment (`experiment.json`)."""
        data, pipeline, folds = self.opened.dataset, experiment.pipeline, experiment.folds
        leaky = bool(folds.violations) or (experiment.protocol.split == "image" and not folds.published)
        extractors = [x for x in (pipeline.extractor, *pipeline.member_extractors) if x is not None]
        plugins = (*extractors, pipeline.classifier, *pipeline.classifier.nested)
        # Random weights of a network that is trained are initial values, and in the name of the row.
        random = any(extractor.random_weights and not extractor.requires_fit for extractor in extractors)
        limited = experiment.protocol.tune_hours > 0 or any(plugin.time_limited for plugin in plugins)
        seen = seen_before(experiment.components, data.reader)
        flags = (
            (NO_PATIENTS, data.grouping != "patient"),
            (LEAKY, leaky),
            (SEEN_IN_PRETRAINING, seen),
            (RANDOM_WEIGHTS, random),
            (TIME_LIMITED, limited),
            (BASELINE, is_baseline(pipeline)),
            (PUBLISHED, folds.published),
        )
        return {
            "key": experiment.key,
            "prepare": pipeline.prepare,
            "extractor": pipeline.extractor_name,
            "classifier": pipeline.classifier.selector,
            "flags": [flag for flag, on in flags if on],
            "licences": licences_of(experiment.components),
            "violations": list(folds.violations),
            "data": {
                "name": data.name,
                "reader": data.reader,
                "grouping": data.grouping,
                "digest": self.opened.digest,
                **_counts(data.table),
                "classes": list(data.classes),
                "positive": data.positive,
                "notices": list(data.notices),
                "per_class": {str(label): _counts(part) for label, part in data.table.groupby("label", sort=True)},
                **self._held_out(),
            },
            "protocol": vars(experiment.protocol),
            "folds_hash": folds.hash,
            "repeat_hashes": list(folds.repeat_hashes),
            "fold_notices": list(folds.notices),
            "components": dict(experiment.components),
            "options": reading_options(self.options),
            "environment": {"python": platform.python_version(), "machine": platform.machine()},
        }

    def _held_out(self) -> dict[str, Any]:
        table = self.opened.dataset.table
        if SET not in table:
            return {}
        held_out = table[table[SET] == HELD_OUT]
        return {"held_out": {**_counts(held_out), "digest": self.opened.held_out_digest}}

    def states(self, results: Results | None) -> pd.DataFrame:
        """Return the state of each experiment; see `bench.plan` for the columns."""
        rows = []
        for e in self.experiments:
            state, why = self._state(e, results)
            rows.append(
                {
                    "prepare": e.pipeline.prepare,
                    "extractor": e.pipeline.extractor_name,
                    "classifier": e.pipeline.classifier.selector,
                    "state": state,
                    "features": _features_state(e),
                    "why": why,
                }
            )
        return pd.DataFrame(rows, columns=["prepare", "extractor", "classifier", "state", "features", "why"])

    def _state(self, experiment: Experiment, results: Results | None) -> tuple[str, str]:
        if results is not None and results.is_done(experiment.slug):
            return "done", "the same data, code, weights, libraries, folds and protocol gave a result"
        failure = results.failure(experiment.slug) if results is not None else None
        if failure is not None and not self.options.retry_failed:
            return "failed", f"{failure.reason} (--retry-failed runs it again)"
        if experiment.problem:
            return "cannot run", experiment.problem
        return "to run", _reason_to_run(experiment, results)


def make_plan(
    options: Options,
    observer: Observer | None = None,
    *,
    opened: LoadedDataset | None = None,
    folds: Folds | None = None,
) -> Plan:
    """Read the data, draw the folds and resolve all names; fit and extract nothing.

    Parameters
    ----------
    opened : LoadedDataset, optional
        The dataset of the options, if it is loaded already.
    folds : Folds, optional
        Folds of the loaded dataset. Default: those that the options name.

    Raises
    ------
    BenchError
        The data, a name or a parameter is invalid, or the folds cannot be drawn.
    """
    _check_tuning(options)
    pipelines = _pipelines(options)
    with options.located("logger"):
        logger = _logger(options, pipelines)
    with options.located("gpus_per_fit"):
        _check_gpus(options, pipelines)
    with options.located("store"):
        store, settings = store_folder(options.store), key_settings(options)
    observer = observer or Observer()
    for notice in (*objects.notices_of(pipelines), *_untuned(pipelines, options)):
        observer.notice(notice)
    opened = opened if opened is not None else open_data(options, observer)
    repeats = [_repeats(p, options) if folds is None else folds.repeats for p in pipelines]
    designs = {n: _design(opened, replace(options, repeats=n), folds) for n in sorted(set(repeats))}
    for notice in dict.fromkeys(notice for drawn, _ in designs.values() for notice in drawn.notices):
        observer.notice(notice)
    common = {
        "format": FORMAT,
        "data": opened.digest,
        "positive": opened.dataset.positive,
        "engine": code_digest(*ENGINE),
    }
    inputs = dict.fromkeys((p.prepare, x) for p in pipelines for x in (p.extractor, *p.member_extractors))
    features = {p: features_of(*p, opened.cell_digests, store=store, settings=settings) for p in inputs}
    experiments = []
    for p, n in zip(pipelines, repeats, strict=True):
        drawn, protocol = designs[n]
        own, *members = (features[p.prepare, x] for x in (p.extractor, *p.member_extractors))
        experiment = experiment_of(p, common, own, folds=drawn, protocol=protocol, settings=settings, members=members)
        experiments.append(experiment)
    return Plan(options, opened, tuple(experiments), logger)


def _check_tuning(options: Options) -> None:
    if options.sampler != "tpe" and not (options.tune or options.tune_hours):
        raise BenchError(
            f"--sampler {options.sampler} draws tuning trials, but nothing is tuned: add --tune N, or leave it out"
        )
    if options.sampler == "grid" and not options.tune:
        raise BenchError("--sampler grid needs the largest number of points of the grid: add --tune N")


def _logger(options: Options, pipelines: Iterable[PipelineSpec]) -> LoggerSpec | None:
    """Return the checked logger of networks."""
    if options.logger is None:
        return None
    if not any(pipeline.trains_network for pipeline in pipelines):
        raise BenchError("--logger logs the training of networks, but no pipeline trains one: leave it out")
    return logger_spec(options.logger)


def _check_gpus(options: Options, pipelines: Iterable[PipelineSpec]) -> None:
    if options.gpus_per_fit == 1:
        if "strategy" in options.explicit:
            raise BenchError(
                f"--strategy {options.strategy} is for several GPUs: add --gpus-per-fit N, or leave it out"
            )
        return
    if not any(pipeline.trains_network for pipeline in pipelines):
        raise BenchError("--gpus-per-fit is for the training of networks, but no pipeline trains one: leave it out")
    check_gpus_per_fit(options.gpus_per_fit, options.device)


def _repeats(pipeline: PipelineSpec, options: Options) -> int:
    """Return the number of repeats of a pipeline; `auto` depends on the plugins only, never on a measured time."""
    if options.repeats != "auto":
        return options.repeats
    return 1 if pipeline.fitted_on_images and not is_baseline(pipeline) else auto_repeats(options)


def _design(opened: LoadedDataset, options: Options, folds: Folds | None) -> tuple[Folds, Protocol]:
    """Return the outer folds and the protocol with the actual numbers of folds and repeats."""
    folds = folds_of(opened.dataset, options) if folds is None else folds
    chosen = {field.name: getattr(options, field.name) for field in fields(Protocol)}
    return folds, Protocol(**chosen | {"folds": folds.count, "repeats": folds.repeats})


def _pipelines(options: Options) -> list[PipelineSpec]:
    names = options.classifiers or tuple(
        name for name, point in installed("classifiers").items() if name != PRIOR and point.value not in NESTING
    )
    classifiers = _resolved(objects.classifier, names, options.places.get("classifiers", ""))
    selected = [e for e in options.extractors if not (isinstance(e, str) and e == PIXELS)]
    extractors = _resolved(objects.extractor, selected, options.places.get("extractors", ""))
    prepare = options.prepare
    pipelines = [PipelineSpec(prepare, x, c) for x in extractors for c in classifiers if c.consumes == "features"]
    pipelines += [PipelineSpec(prepare, None, c) for c in classifiers if c.consumes == "cells"]
    if not pipelines:
        raise BenchError(
            "nothing to run: name at least one extractor (--extractors) for the classifiers that take features"
        )
    return with_baselines(pipelines) if options.baselines else pipelines


def _resolved(resolve: Callable[[Any], Plugin], items: Iterable[object], place: str) -> list[Plugin]:
    """Return the plugins, each once; `place` is where the user has named them, for messages."""
    try:
        return list({plugin.canonical: plugin for plugin in map(resolve, items)}.values())
    except BenchError as error:
        raise BenchError(f"{place}{error}") from error


def _untuned(pipelines: Iterable[PipelineSpec], options: Options) -> Iterator[str]:
    """Yield a notice for each ensemble of a tuned matrix."""
    for name in {p.classifier.selector: None for p in pipelines if p.classifier.is_ensemble} if options.tune else ():
        yield f"{name}: --tune does not apply; members have the parameters of their selectors"


def _features_state(experiment: Experiment) -> str:
    """Return whether the features of an experiment are stored; of an ensemble, the extractors whose are not."""
    missing = [extractor.selector for extractor, entry in experiment.extracted if not entry.stored]
    if not missing:
        return "stored" if experiment.extracted else "-"
    return f"to extract: {', '.join(missing)}" if experiment.members else "to extract"


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {"cells": len(table), "patients": table["patient"].nunique(), "split_units": table["unit"].nunique()}


def _reason_to_run(experiment: Experiment, results: Results | None) -> str:
    candidates = [
        r
        for r in (results.experiments() if results is not None else [])
        if (r.record["extractor"], r.record["classifier"])
        == (experiment.pipeline.extractor_name, experiment.pipeline.classifier.selector)
    ]
    if not candidates:
        return "no result yet"
    nearest = min((differing(experiment.components, c.record["components"]) for c in candidates), key=len)
    if "features.prepare" in nearest:
        # Other steps always have other code.
        nearest = [name for name in nearest if not name.startswith("features.preparation")]
    return "a result differs in: " + ", ".join(nearest)
