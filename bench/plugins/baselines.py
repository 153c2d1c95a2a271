"""Baselines of every matrix: class frequencies, stain only, and cell size only."""

from __future__ import annotations

from collections.abc import Sequence

from bench.plugins import registry
from bench.plugins.pipeline import NO_PREPARATION, PipelineSpec
from bench.plugins.plugin import PIXELS

PRIOR = "prior"
"""Classifier used only as a baseline; a matrix of all installed classifiers does not include it."""

BASELINES = ((PIXELS, PRIOR), ("stain", "lightgbm"), ("size", "lightgbm"))
"""Extractor and classifier of each baseline.

Baselines always use unprepared cells, whatever `--prepare` is. A preparation removes information from stain and size:
baselines of prepared cells would be lower, and a stain that predicts the class would no longer be visible in the table.
To measure the stain after a preparation, use `--extractors stain --prepare macenko`.
"""


def with_baselines(pipelines: Sequence[PipelineSpec]) -> list[PipelineSpec]:
    """Append the missing baselines to the pipelines."""
    baselines = [
        PipelineSpec(
            NO_PREPARATION,
            None if extractor == PIXELS else registry.extractor(extractor),
            registry.classifier(classifier),
        )
        for extractor, classifier in BASELINES
    ]
    return [*pipelines, *(one for one in baselines if one not in pipelines)]


def is_baseline(pipeline: PipelineSpec) -> bool:
    """Whether a pipeline is a baseline, requested or added."""
    names = (pipeline.extractor_name, pipeline.classifier.selector)
    return pipeline.prepare == NO_PREPARATION and names in BASELINES
