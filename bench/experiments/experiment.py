"""One experiment: its pipeline, its key and the place of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.datasets.loading import Opened
from bench.errors import BenchError
from bench.features.store.entry import Entry
from bench.features.store.keys import READING, entry_of, extractor_identity
from bench.features.store.location import store_folder
from bench.options import Options
from bench.plugins.pipeline import NO_PREPARATION, PipelineSpec
from bench.plugins.preparation import canonical, parse_prepare, preparation_code
from bench.plugins.registry import PIXELS, Plugin
from bench.storage.fingerprints import code_digest, digest, library_versions, module_identity

FORMAT = 1


_ENGINE = ("bench.evaluation.fold", "bench.experiments.worker", "bench.evaluation.optimism")
"""Modules whose code, with all that they import, determines predictions, scores and optimism."""


@dataclass(frozen=True)
class Experiment:
    """One row of the leaderboard to be.

    Parameters
    ----------
    pipeline : PipelineSpec
        What is evaluated.
    components : mapping
        Everything that the key is made of, in the clear.
    entry : Entry or None
        The place of its features in the store; None where cells are consumed.
    problem : str
        Why it cannot run at all, such as weights that are not to be had; else empty.
    """

    pipeline: PipelineSpec
    components: Mapping[str, Any]
    entry: Entry | None
    problem: str = ""

    @property
    def prepare(self) -> str:
        """How its cells are prepared; `none` where they are taken as they are."""
        return self.pipeline.prepare

    @property
    def extractor(self) -> Plugin | None:
        """None for a classifier that consumes cells."""
        return self.pipeline.extractor

    @property
    def classifier(self) -> Plugin:
        """What is fitted."""
        return self.pipeline.classifier

    @property
    def name(self) -> str:
        """The pipeline as a person writes it."""
        return self.pipeline.name

    @cached_property
    def key(self) -> str:
        """SHA-256 of the components."""
        return digest(dict(self.components))

    @property
    def slug(self) -> str:
        """Name of its folder."""
        prepared = "" if self.prepare == NO_PREPARATION else f"{self.prepare}__"
        text = f"{prepared}{self.pipeline.extractor_name}__{self.classifier.selector}"
        return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)[:80] + "-" + self.key[:12]


@dataclass(frozen=True)
class _Features:
    """What goes into an experiment before its classifier: identity, place in the store, and why there is none."""

    identity: Mapping[str, Any]
    entry: Entry | None = None
    problem: str = ""


def _features(prepare: str, extractor: Plugin | None, opened: Opened, options: Options, device: str) -> _Features:
    steps = parse_prepare(prepare)
    in_full = canonical(steps)
    if extractor is None:
        code = {"preparation": preparation_code(steps), "reading": code_digest(READING)}
        return _Features({"extractor": PIXELS, "prepare": in_full, **code})
    weights_dir = str(options.weights_dir) if options.weights_dir else None
    given: dict[str, Any] = {
        "weights_dir": weights_dir,
        "threads": options.threads,
        "prepare": in_full,
        "device": device,
    }
    try:
        if extractor.requires_fit:
            return _Features(extractor_identity(extractor, **given))
        entry = entry_of(store_folder(options.store), extractor, opened.cell_digests, **given)
    except BenchError as error:
        problem = {"extractor": extractor.canonical, "prepare": in_full, "problem": str(error)}
        return _Features(problem, problem=str(error))
    return _Features(entry.components, entry)


def _experiment(pipeline: PipelineSpec, common: Mapping[str, Any], features: _Features) -> Experiment:
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
