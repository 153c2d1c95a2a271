"""A pipeline: how cells are prepared, what is measured of them and what learns from it; and what it is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.plugins.registry import PIXELS, Plugin

NO_PREPARATION = "none"
"""`--prepare` where nothing is done to the cells."""


class Pipeline(NamedTuple):
    """What an experiment evaluates.

    Parameters
    ----------
    prepare : str
        The steps of preparation, in their canonical form; `none` where cells are taken as they are.
    extractor : Plugin or None
        None for a classifier that consumes cells.
    classifier : Plugin
        What is fitted.
    """

    prepare: str
    extractor: Plugin | None
    classifier: Plugin

    @property
    def extractor_name(self) -> str:
        """The extractor's selector, or `pixels`."""
        return PIXELS if self.extractor is None else self.extractor.selector

    @property
    def features_name(self) -> str:
        """What is extracted, and of what: `crop > handcrafted`."""
        return prepared_name(self.prepare, self.extractor_name)

    @property
    def name(self) -> str:
        """The pipeline as a person writes it."""
        return pipeline_name(self.prepare, self.extractor_name, self.classifier.selector)


def pipeline_name(prepare: str, extractor: str, classifier: str, *, cross: str = "x") -> str:
    """`handcrafted x svm`, or `crop+clahe > handcrafted x svm` where cells are prepared.

    Parameters
    ----------
    prepare : str
        Steps of preparation, or `none`.
    extractor, classifier : str
        Selectors.
    cross : str
        What stands between the two.
    """
    return prepared_name(prepare, f"{extractor} {cross} {classifier}")


def name_of(record: Mapping[str, Any]) -> str:
    """The name of the pipeline of an experiment's record, done or failed."""
    return pipeline_name(record["prepare"], record["extractor"], record["classifier"])


def prepared_name(prepare: str, what: str) -> str:
    """`what`, with what is done to the cells before it."""
    return what if prepare == NO_PREPARATION else f"{prepare} > {what}"
