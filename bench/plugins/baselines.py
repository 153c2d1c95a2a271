"""The rows that every matrix has: what the share of the classes, the stain or the size of a cell alone reach."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plugins import registry
from bench.plugins.pipeline import NO_PREPARATION, Pipeline
from bench.plugins.registry import PIXELS

PRIOR = "prior"
"""The classifier that is there for a baseline only: a matrix of all installed classifiers does not cross it."""

BASELINES = ((PIXELS, PRIOR), ("stain", "lightgbm"), ("size", "lightgbm"))
"""Extractor and classifier of each.

Whatever `--prepare` says, they are of the cells as they are. A preparation can only take from stain and size what they
tell: a baseline of prepared cells would lower the bar together with what is held against it, and a stain that gives the
classes away in the data would no longer be seen in the table. So one set of them stands beside every preparation of the
same cells. What a preparation leaves of the stain is a question of its own: `--extractors stain --prepare macenko`.
"""


def with_baselines(pipelines: Sequence[Pipeline]) -> list[Pipeline]:
    """The pipelines with the baselines after them; one that is there already is not added again."""
    ours = [
        Pipeline(
            NO_PREPARATION,
            None if extractor == PIXELS else registry.extractor(extractor),
            registry.classifier(classifier),
        )
        for extractor, classifier in BASELINES
    ]
    return [*pipelines, *(one for one in ours if one not in pipelines)]


def is_baseline(pipeline: Pipeline) -> bool:
    """Whether a pipeline is a baseline; the same whether it was asked for or added."""
    names = (pipeline.extractor_name, pipeline.classifier.selector)
    return pipeline.prepare == NO_PREPARATION and names in BASELINES
