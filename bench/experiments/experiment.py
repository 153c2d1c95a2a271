"""One experiment: its pipeline, its key and the location of its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import BenchError
from bench.evaluation.protocol import Protocol
from bench.features.store.entry import Entry
from bench.features.store.keys import READING, entry_of, extractor_identity
from bench.plugins.devices import key_device
from bench.plugins.network_weights import nested_networks, network_identity
from bench.plugins.pipeline import NO_PREPARATION, PipelineSpec
from bench.plugins.preparation import canonical, parse_prepare, preparation_code
from bench.plugins.registry import PIXELS, Plugin
from bench.splits.fold_manifest import Folds
from bench.storage.fingerprints import code_digest, digest, library_versions, module_identity
from classifiers.combination_rules import LEARNED

FORMAT = 1
"""Version of the key's components."""

ENGINE = ("bench.evaluation.fold", "bench.experiments.worker", "bench.evaluation.optimism")
"""Modules whose code, including the modules they import, determines predictions, scores and optimism."""


class FeatureSource(NamedTuple):
    """Where the features of prepared cells come from.

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
    entry: Entry | None
    problem: str = ""


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
    members : tuple of FeatureSource
        Features of each member of an ensemble whose members have extractors of their own; otherwise empty.
    """

    pipeline: PipelineSpec
    components: Mapping[str, Any]
    entry: Entry | None
    folds: Folds
    protocol: Protocol
    problem: str = ""
    members: tuple[FeatureSource, ...] = ()

    @property
    def extracted(self) -> tuple[tuple[Plugin, Entry], ...]:
        """Extractors whose features are read from the store, with the entries; each entry once."""
        extractors = (self.pipeline.extractor, *self.pipeline.member_extractors)
        entries = (self.entry, *(member.entry for member in self.members))
        pairs = zip(extractors, entries, strict=True)
        return tuple({e.folder: (x, e) for x, e in pairs if x is not None and e is not None}.values())

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
        return slug_of(pipeline.prepare, pipeline.extractor_name, pipeline.classifier.selector, self.key)


def slug_of(prepare: str, extractor: str, classifier: str, key: str) -> str:
    """Return the name of the folder of an experiment in the results."""
    prepared = "" if prepare == NO_PREPARATION else f"{prepare}__"
    text = f"{prepared}{extractor}__{classifier}"
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)[:80] + "-" + key[:12]


def features_of(
    prepare: str, extractor: Plugin | None, digests: Sequence[str], *, store: Path, settings: Mapping[str, Any]
) -> FeatureSource:
    """Return where the features of prepared cells come from; `settings` are those of the key."""
    steps = parse_prepare(prepare)
    canonical_prepare = canonical(steps)
    if extractor is None:
        code = {"preparation": preparation_code(steps), "reading": code_digest(READING)}
        return FeatureSource({"extractor": PIXELS, "prepare": canonical_prepare, **code}, None)
    try:
        if extractor.requires_fit:
            return FeatureSource(extractor_identity(extractor, prepare=canonical_prepare, **settings), None)
        entry = entry_of(store, extractor, digests, prepare=canonical_prepare, **settings)
    except BenchError as error:
        identity = {"extractor": extractor.canonical, "prepare": canonical_prepare, "problem": str(error)}
        return FeatureSource(identity, None, str(error))
    return FeatureSource(entry.components, entry)


def experiment_of(
    pipeline: PipelineSpec,
    common: Mapping[str, Any],
    features: FeatureSource,
    *,
    folds: Folds,
    protocol: Protocol,
    settings: Mapping[str, Any],
    members: Sequence[FeatureSource] = (),
) -> Experiment:
    """Return an experiment.

    `common` are the components that all of a matrix share, `features` is of `features_of`, and `settings` are those of
    the key. `members` are the features of the members of an ensemble, for `PipelineSpec.member_extractors`.
    """
    classifier = pipeline.classifier
    module = classifier.target.partition(":")[0]
    libraries = {name: version for part in classifier.class_modules for name, version in library_versions(part).items()}
    networks, missing = _networks(classifier, settings["weights_dir"])
    components = {
        **common,
        "protocol": vars(protocol),
        "folds": folds.hash,
        "classifier": classifier.canonical,
        "classifier_code": code_digest(module),
        "classifier_nested": sorted(map(module_identity, classifier.nested_modules)),
        "classifier_libraries": libraries,
        **networks,
        "classifier_device": key_device(classifier, settings["device"], settings["gpus_per_fit"]),
        "features": dict(features.identity),
    }
    if members:
        components["members"] = [dict(member.identity) for member in members]
    problem = features.problem or missing or _member_problem(classifier, members) or _rule_problem(pipeline)
    return Experiment(pipeline, components, features.entry, folds, protocol, problem, tuple(members))


def _networks(classifier: Plugin, weights_dir: str | None) -> tuple[dict[str, Any], str]:
    """Return the components of the networks of a classifier, and why their weights are not available."""
    try:
        network = network_identity(classifier, weights_dir=weights_dir)
        nested = nested_networks(classifier, weights_dir=weights_dir)
    except BenchError as error:
        return {"classifier_problem": str(error)}, str(error)
    own = {f"classifier_{name}": value for name, value in network.items()}
    return {**own, "classifier_networks": nested}, ""


def _member_problem(classifier: Plugin, members: Sequence[FeatureSource]) -> str:
    """Return why the features of a member cannot be extracted, with its name; empty if all can."""
    for member, source in zip(classifier.members, members, strict=bool(members)):
        if source.problem:
            return f"member {member.text} of {classifier.selector}: {source.problem}"
    return ""


def _rule_problem(pipeline: PipelineSpec) -> str:
    """Return why an ensemble cannot learn its rule; empty if it can.

    Features of a fitted extractor come from a fit that has seen every training cell, so that a split of these cells
    would not be out of fold. The features of a member with its own extractor come from a fit on each part.
    """
    extractor, classifier = pipeline.extractor, pipeline.classifier
    rule = classifier.params.get("rule")
    if extractor is None or not extractor.requires_fit or not classifier.is_ensemble or rule not in LEARNED:
        return ""
    members = "+".join(f'"{extractor.selector}:{member.classifier.selector}"' for member in classifier.members)
    return (
        f"rule={rule} learns from out-of-fold predictions, and the features of {extractor.selector} come from a fit on "
        f"all training cells; name the extractor in each member: ensemble[members={members},rule={rule}]"
    )


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
