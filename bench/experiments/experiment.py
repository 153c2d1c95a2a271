"""One experiment: its pipeline, its key and the location of its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.features.store.entry import Entry
from bench.features.store.keys import READING, entry_of, extractor_identity
from bench.plugins.pipeline import NO_PREPARATION, PipelineSpec
from bench.plugins.preparation import canonical, parse_prepare, preparation_code
from bench.plugins.registry import PIXELS, Plugin
from bench.storage.fingerprints import code_digest, digest, library_versions, module_identity

FORMAT = 1
"""Version of the key's components."""

ENGINE = ("bench.evaluation.fold", "bench.experiments.worker", "bench.evaluation.optimism")
"""Modules whose code, including the modules they import, determines predictions, scores and optimism."""


@dataclass(frozen=True)
class Experiment:
    """One row of the leaderboard.

    Parameters
    ----------
    pipeline : PipelineSpec
        Preparation, extractor and classifier.
    components : mapping
        Components of the key, not hashed.
    entry : Entry or None
        Entry of its features in the store; None for a classifier of cells or a stateful extractor.
    problem : str
        Why it cannot run, such as missing weights; empty if it can.
    """

    pipeline: PipelineSpec
    components: Mapping[str, Any]
    entry: Entry | None
    problem: str = ""

    @property
    def prepare(self) -> str:
        """Preparation of the cells; `none` if they are not prepared."""
        return self.pipeline.prepare

    @property
    def extractor(self) -> Plugin | None:
        """Extractor; None for a classifier that consumes cells."""
        return self.pipeline.extractor

    @property
    def classifier(self) -> Plugin:
        """Classifier to fit."""
        return self.pipeline.classifier

    @property
    def name(self) -> str:
        """Name of the pipeline, such as `handcrafted x svm`."""
        return self.pipeline.name

    @cached_property
    def key(self) -> str:
        """SHA-256 of the components, as hexadecimal digits."""
        return digest(dict(self.components))

    @property
    def slug(self) -> str:
        """Name of its folder in the results."""
        prepared = "" if self.prepare == NO_PREPARATION else f"{self.prepare}__"
        text = f"{prepared}{self.pipeline.extractor_name}__{self.classifier.selector}"
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)[:80] + "-" + self.key[:12]


@dataclass(frozen=True)
class ExperimentFeatures:
    """Features of an experiment.

    Parameters
    ----------
    identity : mapping
        Components of the key that the features depend on.
    entry : Entry or None
        Entry in the store; None if the features are not shared by folds.
    problem : str
        Why they cannot be extracted; empty if they can.
    """

    identity: Mapping[str, Any]
    entry: Entry | None = None
    problem: str = ""


def features_of(
    prepare: str, extractor: Plugin | None, digests: Sequence[str], *, store: Path, settings: Mapping[str, Any]
) -> ExperimentFeatures:
    """Return identity and store entry of the features of prepared cells; `settings` are those of the key."""
    steps = parse_prepare(prepare)
    canonical_prepare = canonical(steps)
    if extractor is None:
        code = {"preparation": preparation_code(steps), "reading": code_digest(READING)}
        return ExperimentFeatures({"extractor": PIXELS, "prepare": canonical_prepare, **code})
    try:
        if extractor.requires_fit:
            return ExperimentFeatures(extractor_identity(extractor, prepare=canonical_prepare, **settings))
        entry = entry_of(store, extractor, digests, prepare=canonical_prepare, **settings)
    except BenchError as error:
        problem = {"extractor": extractor.canonical, "prepare": canonical_prepare, "problem": str(error)}
        return ExperimentFeatures(problem, problem=str(error))
    return ExperimentFeatures(entry.components, entry)


def experiment_of(pipeline: PipelineSpec, common: Mapping[str, Any], features: ExperimentFeatures) -> Experiment:
    """Return an experiment; `common` are the components that all experiments of a matrix share."""
    classifier = pipeline.classifier
    module = classifier.target.partition(":")[0]
    components = {
        **common,
        "classifier": classifier.canonical,
        "classifier_code": code_digest(module),
        "classifier_nested": sorted(map(module_identity, classifier.nested_modules)),
        "classifier_libraries": dict(library_versions(module)),
        "features": dict(features.identity),
    }
    return Experiment(pipeline, components, features.entry, features.problem)
