"""Specification of a pipeline (preparation, extractor and classifier) and its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.plugins.registry import PIXELS, Plugin

NO_PREPARATION = "none"
"""Value of `--prepare` without preparation."""


class PipelineSpec(NamedTuple):
    """Preparation, extractor and classifier of an experiment.

    Parameters
    ----------
    prepare : str
        Preparation steps in canonical form, or `none`.
    extractor : Plugin or None
        None for a classifier that consumes cells.
    classifier : Plugin
        Classifier of the features or cells.
    """

    prepare: str
    extractor: Plugin | None
    classifier: Plugin

    @property
    def member_extractors(self) -> tuple[Plugin | None, ...]:
        """Extractor of each member of an ensemble, None for one of cells; empty where all members share the input."""
        own = tuple(member.extractor for member in self.classifier.members)
        return own if self.extractor is None and any(own) else ()

    @property
    def fitted_on_images(self) -> bool:
        """Whether something is fitted on images in each fold: a stateful extractor or a classifier of cells."""
        if self.extractor is not None:
            return self.extractor.requires_fit
        if not self.member_extractors:
            return self.classifier.consumes == "cells"
        return any(extractor is None or extractor.requires_fit for extractor in self.member_extractors)

    @property
    def trains_network(self) -> bool:
        """Whether a network is trained whose epochs can be logged."""
        extractors = [x for x in (self.extractor, *self.member_extractors) if x is not None]
        return any("logger" in plugin.accepts for plugin in (*extractors, *self.classifier.leaves))

    @property
    def extractor_name(self) -> str:
        """Selector of the extractor, or `pixels`."""
        return PIXELS if self.extractor is None else self.extractor.selector

    @property
    def name(self) -> str:
        """Name of the pipeline: `crop > handcrafted x svm`."""
        return pipeline_name(self.prepare, self.extractor_name, self.classifier.selector)


def pipeline_name(prepare: str, extractor: str, classifier: str, *, cross: str = "x") -> str:
    """Return the name of a pipeline: `handcrafted x svm`, or `crop+clahe > handcrafted x svm` with a preparation.

    Parameters
    ----------
    prepare : str
        Preparation steps, or `none`.
    extractor, classifier : str
        Selectors.
    cross : str
        Separator of the two.
    """
    return prepared_name(prepare, f"{extractor} {cross} {classifier}")


def name_of(record: Mapping[str, Any]) -> str:
    """Return the name of the pipeline of an experiment's record, done or failed."""
    return pipeline_name(record["prepare"], record["extractor"], record["classifier"])


def prepared_name(prepare: str, name: str) -> str:
    """Return a name with the preparation in front, if there is one."""
    return name if prepare == NO_PREPARATION else f"{prepare} > {name}"
