"""Section on the pretrained weights behind the results, with their licences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.experiments.pretrained_weights import PretrainedWeights, weights_of
from bench.experiments.records import ExperimentResult
from reports.section import ReportData, Section


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on weights; none where no experiment uses pretrained weights."""
    used = pretrained_weights(data.experiments)
    if used:
        yield Section("Pretrained weights", used, "weights.html.j2", "weights")


def pretrained_weights(experiments: Sequence[ExperimentResult]) -> list[PretrainedWeights]:
    """Distinct weights of the experiments, by name and digest."""
    used = {weights for experiment in experiments for weights in weights_of(experiment.record)}
    return sorted(used, key=lambda weights: (weights.model, weights.sha256))
