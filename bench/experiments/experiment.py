"""One experiment: its pipeline, its key and the location of its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.features.store.entry import Entry
from bench.features.store.keys import READING, entry_of, extractor_identity
from bench.plugins.pipeline import NO_PREPARATION, PipelineSpec
from bench.plugins.preparation import canonical, parse_prepare, preparation_code
from bench.plugins.registry import PIXELS, Plugin
from bench.splits.fold_manifest import Folds
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
    folds : Folds
        Outer folds.
    protocol : Protocol
        Evaluation protocol.
    problem : str
        Why it cannot run, such as missing weights; empty if it can.
    """

    pipeline: PipelineSpec
    components: Mapping[str, Any]
    entry: Entry | None
    folds: Folds
    protocol: Protocol
    problem: str = ""

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
        pipeline = self.pipeline
        prepared = "" if pipeline.prepare == NO_PREPARATION else f"{pipeline.prepare}__"
        text = f"{prepared}{pipeline.extractor_name}__{pipeline.classifier.selector}"
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)[:80] + "-" + self.key[:12]


def features_of(
    prepare: str, extractor: Plugin | None, digests: Sequence[str], *, store: Path, settings: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Entry | None, str]:
    """Return what identifies the features of prepared cells; `settings` are those of the key.

    Returns
    -------
    identity : mapping
        Components of the key that the features depend on.
    entry : Entry or None
        Entry in the store; None if the features are not shared by folds.
    problem : str
        Why they cannot be extracted; empty if they can.
    """
    steps = parse_prepare(prepare)
    canonical_prepare = canonical(steps)
    if extractor is None:
        code = {"preparation": preparation_code(steps), "reading": code_digest(READING)}
        return {"extractor": PIXELS, "prepare": canonical_prepare, **code}, None, ""
    try:
        if extractor.requires_fit:
            return extractor_identity(extractor, prepare=canonical_prepare, **settings), None, ""
        entry = entry_of(store, extractor, digests, prepare=canonical_prepare, **settings)
    except BenchError as error:
        return {"extractor": extractor.canonical, "prepare": canonical_prepare, "problem": str(error)}, None, str(error)
    return entry.components, entry, ""


def experiment_of(
    pipeline: PipelineSpec,
    common: Mapping[str, Any],
    features: tuple[Mapping[str, Any], Entry | None, str],
    *,
    folds: Folds,
    protocol: Protocol,
) -> Experiment:
    """Return an experiment; `common` are the components that all of a matrix share, `features` is of `features_of`."""
    identity, entry, problem = features
    classifier = pipeline.classifier
    module = classifier.target.partition(":")[0]
    components = {
        **common,
        "protocol": vars(protocol),
        "folds": folds.hash,
        "classifier": classifier.canonical,
        "classifier_code": code_digest(module),
        "classifier_nested": sorted(map(module_identity, classifier.nested_modules)),
        "classifier_libraries": dict(library_versions(module)),
        "features": dict(identity),
    }
    return Experiment(pipeline, components, entry, folds, protocol, problem)


def differing(ours: Mapping[str, Any], theirs: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the names of the components in which two keys differ, such as `classifier_libraries.scikit-learn`."""
    names: list[str] = []
    for key in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(key), theirs.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            names += differing(a, b, f"{prefix}{key}.")
        elif a != b:
            names.append(prefix + key)
    return names
