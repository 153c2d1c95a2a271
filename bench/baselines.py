"""The rows that every matrix has: what the share of the classes, the stain or the size of a cell alone reach."""

from __future__ import annotations

from collections.abc import Sequence

from bench import plugins
from bench.plugins import PIXELS, Plugin

PRIOR = "prior"
"""The classifier that is there for a baseline only: a matrix of all installed classifiers does not cross it."""

BASELINES = ((PIXELS, PRIOR), ("stain", "lightgbm"), ("size", "lightgbm"))
"""Extractor and classifier of each."""

Pair = tuple[Plugin | None, Plugin]


def with_baselines(pairs: Sequence[Pair]) -> list[Pair]:
    """The pipelines with the baselines after them; one that is there already is not added again."""
    ours: list[Pair] = [
        (None if extractor == PIXELS else plugins.extractor(extractor), plugins.classifier(classifier))
        for extractor, classifier in BASELINES
    ]
    return [*pairs, *(pair for pair in ours if pair not in pairs)]


def is_baseline(extractor: str, classifier: str) -> bool:
    """Whether a pipeline is a baseline, by its selectors; the same whether it was asked for or added."""
    return (extractor, classifier) in BASELINES
