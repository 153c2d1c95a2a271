"""Plan a matrix: its experiments, their state, and why each of them will run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from bench.datasets.held_out import HELD_OUT, SET
from bench.datasets.loading import LoadedDataset, open_data
from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.experiments.experiment import ENGINE, FORMAT, Experiment, experiment_of, features_of
from bench.experiments.records import BASELINE, LEAKY, RANDOM_WEIGHTS
from bench.experiments.results import Results
from bench.experiments.saved_options import reading_options
from bench.features.extraction import FeatureRequest, key_settings
from bench.observer import Observer
from bench.options import Options
from bench.plugins import objects, registry
from bench.plugins.baselines import PRIOR, is_baseline, with_baselines
from bench.plugins.pipeline import PipelineSpec
from bench.plugins.preparation import parse_prepare
from bench.plugins.registry import PIXELS
from bench.splits.fold_manifest import Folds
from bench.splits.outer_folds import outer_folds
from bench.storage.fingerprints import code_digest
from bench.storage.folders import store_folder
from extractors.cells import Cells


@dataclass(frozen=True)
class Plan:
    """A matrix, ready to run.

    Parameters
    ----------
    options : Options
        Options of the run.
    opened : LoadedDataset
        The scanned dataset.
    folds : Folds
        Outer folds, shared by all experiments.
    protocol : Protocol
        Evaluation protocol, shared by all experiments.
    experiments : tuple of Experiment
        In the order of the options.
    """

    options: Options
    opened: LoadedDataset
    folds: Folds
    protocol: Protocol
    experiments: tuple[Experiment, ...]

    @property
    def store(self) -> Path:
        """Folder of the feature store."""
        return store_folder(self.options.store)

    def cells(self, experiment: Experiment) -> Cells:
        """Return the cells of the dataset, prepared as the experiment requires."""
        return self.opened.dataset.cells(parse_prepare(experiment.prepare))

    def features(self, experiment: Experiment) -> FeatureRequest:
        """Return the features of an experiment with a store entry, stored or not."""
        entry, extractor, name = experiment.entry, experiment.extractor, experiment.pipeline.features_name
        assert entry is not None and extractor is not None  # noqa: S101 (features with an entry are extracted)
        return FeatureRequest(entry, extractor, self.cells(experiment), self.opened.cell_digests, self.options, name)

    def record(self, experiment: Experiment) -> dict[str, Any]:
        """Return the record of an experiment (`experiment.json`)."""
        data = self.opened.dataset
        leaky = self.protocol.split == "image" or bool(self.folds.violations)
        random = experiment.extractor is not None and experiment.extractor.random_weights
        baseline = is_baseline(experiment.pipeline)
        flags = ((LEAKY, leaky), (RANDOM_WEIGHTS, random), (BASELINE, baseline))
        return {
            "key": experiment.key,
            "prepare": experiment.prepare,
            "extractor": experiment.pipeline.extractor_name,
            "classifier": experiment.classifier.selector,
            "flags": [flag for flag, on in flags if on],
            "violations": list(self.folds.violations),
            "data": {
                "name": data.name,
                "reader": data.reader,
                "digest": self.opened.digest,
                "cells": len(data.table),
                "patients": int(data.table["patient"].nunique()),
                "split_units": int(data.table["unit"].nunique()),
                "classes": list(data.classes),
                "positive": data.positive,
                "notices": list(data.notices),
                "per_class": _per_class(data.table),
                **self._held_out(),
            },
            "protocol": vars(self.protocol),
            "folds_hash": self.folds.hash,
            "fold_notices": list(self.folds.notices),
            "components": dict(experiment.components),
            "options": reading_options(self.options),
            "environment": {"python": platform.python_version(), "machine": platform.machine()},
        }

    def _held_out(self) -> dict[str, Any]:
        table = self.opened.dataset.table
        if SET not in table:
            return {}
        held = table[table[SET] == HELD_OUT]
        counts = {"cells": len(held), "patients": held["patient"].nunique(), "split_units": held["unit"].nunique()}
        return {"held_out": {**counts, "digest": self.opened.held_out_digest}}

    def states(self, results: Results | None) -> pd.DataFrame:
        """Return the state of each experiment; see `bench.plan` for the columns."""
        rows = []
        for e in self.experiments:
            state, why = self._state(e, results)
            rows.append(
                {
                    "prepare": e.prepare,
                    "extractor": e.pipeline.extractor_name,
                    "classifier": e.classifier.selector,
                    "state": state,
                    "features": "-" if e.entry is None else "stored" if e.entry.stored else "to extract",
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


def make_plan(options: Options, observer: Observer | None = None, *, opened: LoadedDataset | None = None) -> Plan:
    """Read the data, draw the folds and resolve all names; fit and extract nothing.

    Parameters
    ----------
    opened : LoadedDataset, optional
        The dataset of the options, if it is loaded already.

    Raises
    ------
    BenchError
        The data, a name or a parameter is invalid, or the folds cannot be drawn.
    """
    pipelines = _pipelines(options)
    store, settings = store_folder(options.store), key_settings(options)
    observer = observer or Observer()
    for notice in objects.notices_of(pipelines):
        observer.notice(notice)
    opened = opened if opened is not None else open_data(options, observer)
    folds = outer_folds(opened.dataset.table, options)
    for notice in folds.notices:
        observer.notice(notice)
    chosen = {field.name: getattr(options, field.name) for field in fields(Protocol)}
    protocol = Protocol(**chosen | {"folds": folds.count, "repeats": folds.repeats})
    common = {
        "format": FORMAT,
        "data": opened.digest,
        "positive": opened.dataset.positive,
        "protocol": vars(protocol),
        "folds": folds.hash,
        "engine": code_digest(*ENGINE),
    }
    inputs = dict.fromkeys((p.prepare, p.extractor) for p in pipelines)
    features = {p: features_of(*p, opened.cell_digests, store=store, settings=settings) for p in inputs}
    experiments = tuple(experiment_of(p, common, features[p.prepare, p.extractor]) for p in pipelines)
    return Plan(options, opened, folds, protocol, experiments)


def _pipelines(options: Options) -> list[PipelineSpec]:
    names = options.classifiers or tuple(name for name in registry.installed("classifiers") if name != PRIOR)
    classifiers = list({p.canonical: p for p in map(objects.classifier, names)}.values())
    selected = [e for e in options.extractors if not (isinstance(e, str) and e == PIXELS)]
    extractors = list({p.canonical: p for p in map(objects.extractor, selected)}.values())
    prepare = options.prepare
    pipelines = [PipelineSpec(prepare, x, c) for x in extractors for c in classifiers if c.consumes == "features"]
    pipelines += [PipelineSpec(prepare, None, c) for c in classifiers if c.consumes == "cells"]
    if not pipelines:
        raise BenchError(
            "nothing to run: name at least one extractor (--extractors) for the classifiers that take features"
        )
    return with_baselines(pipelines) if options.baselines else pipelines


def _per_class(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    grouped = table.groupby("label", sort=True)
    return {
        str(label): {
            "cells": len(part),
            "patients": int(part["patient"].nunique()),
            "split_units": int(part["unit"].nunique()),
        }
        for label, part in grouped
    }


def _reason_to_run(experiment: Experiment, results: Results | None) -> str:
    candidates = [
        r
        for r in (results.experiments() if results is not None else [])
        if (r.record["extractor"], r.record["classifier"])
        == (experiment.pipeline.extractor_name, experiment.classifier.selector)
    ]
    if not candidates:
        return "no result yet"
    ours = _flat(experiment.components)
    differing: list[list[str]] = []
    for candidate in candidates:
        theirs = _flat(candidate.record["components"])
        differing.append(sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)))
    nearest: list[str] = min(differing, key=len)
    if "features.prepare" in nearest:
        # Other steps always have other code.
        nearest = [name for name in nearest if not name.startswith("features.preparation")]
    return "a result differs in: " + ", ".join(nearest)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        flat |= _flat(item, f"{name}.") if isinstance(item, Mapping) else {name: item}
    return flat
