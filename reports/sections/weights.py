"""Section on the pretrained weights behind the results, with their licences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.experiments.records import ExperimentResult
from extractors.networks.weights.licences import UNKNOWN, weights_licence
from extractors.networks.weights.resolve import SUFFIX
from reports.section import ReportData, Section


@dataclass(frozen=True)
class PretrainedWeights:
    """One file of weights.

    Parameters
    ----------
    model : str
        Network with the tag of the weights.
    licence : str
        Licence of the published weights of this name; `unknown` for other files.
    sha256 : str
        SHA-256 of the file.
    """

    model: str
    licence: str
    sha256: str


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on weights; none where no experiment uses pretrained weights."""
    used = pretrained_weights(data.experiments)
    if used:
        yield Section("Pretrained weights", used, "weights.html.j2", "weights")


def pretrained_weights(experiments: Sequence[ExperimentResult]) -> list[PretrainedWeights]:
    """Distinct weights of the experiments, by name and digest."""
    parts = [part for experiment in experiments for part in _networks(experiment.record["components"])]
    used = {_weights(part) for part in parts if part.get("weights")}
    return sorted(used, key=lambda weights: (weights.model, weights.sha256))


def _networks(components: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the networks of the extractor, the classifier and the estimators nested in it."""
    classifier = {"extractor": components.get("classifier")}
    own = {name: components.get(f"classifier_{name}") for name in ("model", "weights")}
    nested = components.get("classifier_networks")
    yield from (one for one in (components.get("features"), {**classifier, **own}) if isinstance(one, Mapping))
    yield from (one for one in nested if isinstance(one, Mapping)) if isinstance(nested, list) else ()


def _weights(part: Mapping[str, Any]) -> PretrainedWeights:
    extractor, model = str(part.get("extractor")), str(part.get("model") or part.get("extractor"))
    licence = UNKNOWN if SUFFIX in extractor else weights_licence(model)
    return PretrainedWeights(extractor if SUFFIX in extractor else model, licence, str(part["weights"]))
