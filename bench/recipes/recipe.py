"""A recipe: a published system, its authors' protocol and its published scores, as read from a YAML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bench.datasets.mask_methods import MASK_METHODS, mask_method
from bench.errors import BenchError
from bench.scores.published_metrics import PublishedMetric, parse_published_metric

Part = Literal["training", "validation", "test"]
Role = Literal["positive", "negative"]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
Share = Annotated[float, Field(gt=0, lt=1)]
Selectors = Annotated[tuple[Text, ...], Field(max_length=64)]

LEAKS = {
    "copies": "copies of a cell are drawn before the split and may be on both sides of it",
    "epoch": "the epoch, or the best trial, was chosen on the cells that are scored",
    "threshold": "the threshold was chosen on the cells that are scored",
    "halves": "the cells of the test patients were halved by image, so that choices are made on the same patients",
    "images": "cells of one patient are in training and in the scored part",
}
"""Leaks of a protocol, in the order in which the waterfall removes them."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CellRule(_Strict):
    """Cells of a class that a part takes, in the order of their names.

    Parameters
    ----------
    part : {"training", "validation", "test"}
        Part that takes them.
    label : {"positive", "negative"}
        Class.
    count : int
        Number of cells. Cells that an earlier rule has taken are passed over.
    fold : str or None
        Official fold from which they come; None: any.
    """

    part: Part
    label: Role
    count: Annotated[int, Field(ge=1)]
    fold: str | None = None


class Copies(_Strict):
    """Copies of cells that the authors drew before they split the images.

    Parameters
    ----------
    label : {"positive", "negative"} or None
        Class that is copied; None: both.
    per_cell : int
        Copies of each cell, flipped or turned; at most the 7 others of the 8 positions of a square.
    """

    label: Role | None = None
    per_cell: Annotated[int, Field(ge=1, le=7)] = 1


class AuthorsProtocol(_Strict):
    """How the authors evaluated their system.

    Parameters
    ----------
    split : {"image", "patient"}
        Whether cells of one patient may be in several parts of the data.
    folds : int or None
        K-fold cross-validation: each fold is scored once, by a model that is trained on the others.
    validation, test : float or None
        Share of the cells that one part takes, if there are no folds.
    stratified : bool
        Whether the parts have equal shares of the classes.
    seed : int
        Seed of the draw.
    cells : tuple of CellRule
        Exact cells of each part instead of shares; other cells are not used.
    held_out : {"test", "validation", "halves"} or None
        What the authors did with the held-out patients of the dataset: scored them; scored them while they made choices
        on them; or halved their cells by image, made choices on one half and scored the other one. None: did not use
        them, or they had none.
    chosen_on_scored : tuple of {"epoch", "threshold"}
        What was chosen on the cells of the validation part, if that is scored; on the held-out cells, if choices were
        made on them.
    copies : Copies or None
        Copies that were drawn before the split.
    threshold : str
        Decision threshold, as `--threshold`.
    text : str
        The protocol in words: what the source states.
    chosen : str
        What it leaves open and what was chosen here; empty if it states all.
    """

    split: Literal["image", "patient"]
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    validation: Share | None = None
    test: Share | None = None
    stratified: bool = True
    seed: Annotated[int, Field(ge=0)] = 0
    cells: tuple[CellRule, ...] = ()
    held_out: Literal["test", "validation", "halves"] | None = None
    chosen_on_scored: tuple[Literal["epoch", "threshold"], ...] = ()
    copies: Copies | None = None
    threshold: Text = "0.5"
    text: Text
    chosen: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(map(bool, (self.folds, self.cells, self.validation or self.test))) > 1:
            raise ValueError("folds, cells and shares (validation, test) exclude each other")
        if not (self.folds or self.cells or self.validation or self.test or self.held_out):
            raise ValueError("nothing is scored: set folds, cells, validation, test or held_out")
        if self.held_out is not None and self.test is not None:
            raise ValueError("the test part is a share of the cells, or the held-out patients, not both")
        if self.validation and self.test and self.validation + self.test >= 1:
            raise ValueError("the shares of validation and test leave nothing for the training")
        return self

    @property
    def has_test_part(self) -> bool:
        """Whether the authors scored other cells than those on which they made choices."""
        rules = any(rule.part == "test" for rule in self.cells)
        return self.held_out is not None or self.test is not None or rules

    def leaks(self, part: Part = "test") -> tuple[str, ...]:
        """Return the names of the leaks (`LEAKS`) in the score of a part, in their order.

        Without held-out patients, the validation part is the test part.
        """
        held_out = self.held_out if part == "test" else None
        images = self.split == "image" and held_out is None
        # With held-out patients that are only scored, choices were made on the validation part.
        chosen = self.chosen_on_scored if held_out in (None, "validation") else ()
        present = {
            "copies": self.copies is not None and images,
            "epoch": "epoch" in chosen or held_out == "validation",
            "threshold": "threshold" in chosen,
            "halves": held_out == "halves",
            "images": images,
        }
        return tuple(name for name in LEAKS if present[name])


class Score(_Strict):
    """A published score.

    Parameters
    ----------
    metric : str
        As `bench.scores.published_metrics.parse_published_metric`; the classes are `positive` and `negative`.
    value : float
        As printed, in the unit of the metric.
    part : {"training", "validation", "test"}
        Cells on which it was computed.
    text : str
        Where it is printed, how its definition was inferred, doubts.
    """

    metric: Text
    value: float
    part: Part = "test"
    text: str = ""

    @field_validator("metric")
    @classmethod
    def _known(cls, text: str) -> str:
        metric_of(text)
        return text


def metric_of(text: str) -> PublishedMetric:
    """Return the metric that a text such as `fbeta[class=negative,beta=2,threshold=0.5]` names.

    Raises
    ------
    ValueError
        The text is not a selector, or its name or a parameter is not known.
    """
    try:
        return parse_published_metric(text)
    except BenchError as error:
        raise ValueError(str(error)) from error


class Variant(_Strict):
    """Pipelines of a recipe: each extractor with each classifier.

    Parameters
    ----------
    label : str
        What distinguishes the variant; empty for the only one.
    prepare : str
        Preparation, as `--prepare`.
    mask : str or None
        Segmentation, as `--mask`; None: that of the dataset.
    extractors, classifiers : tuple of str
        Selectors. A classifier of cells needs no extractor.
    tune : int
        Trials of the tuning.
    sampler : {"tpe", "gp", "random", "grid"}
        Sampler of the tuning.
    published : tuple of Score
        Scores of this variant.
    """

    label: str = ""
    prepare: Text = "none"
    mask: str | None = None
    extractors: Selectors = ()
    classifiers: Annotated[Selectors, Field(min_length=1)]
    tune: Annotated[int, Field(ge=0)] = 0
    sampler: Literal["tpe", "gp", "random", "grid"] = "tpe"
    published: tuple[Score, ...] = ()

    @field_validator("mask")
    @classmethod
    def _names_no_folder(cls, text: str | None) -> str | None:
        try:
            if text is not None and mask_method(text) is None:
                raise ValueError(f"{text} is not a method; it is one of {', '.join(MASK_METHODS)}")
        except BenchError as error:
            raise ValueError(str(error)) from error
        return text


class Choice(_Strict):
    """Something that the source leaves open.

    Parameters
    ----------
    what, chosen : str
        What is open, and what was chosen here.
    """

    what: Text
    chosen: Text


class Recipe(_Strict):
    """A published system.

    Parameters
    ----------
    name : str
        First author and year of the work, or `nd` where its source has no date.
    title : str
        The system in one line.
    source : str
        Reference.
    stated : str
        What the source states of the system.
    variants : tuple of Variant
        Its pipelines; the first one is the main one.
    protocol : AuthorsProtocol
        How the authors evaluated it.
    data : str
        Cells of the authors, where they are not those of the command.
    open : tuple of Choice
        What the source leaves open.
    inconsistent : tuple of str
        What in the source cannot be taken as printed.
    differs : tuple of str
        Where the recipe differs from the system, because it cannot be expressed.
    """

    name: Name
    title: Text
    source: Text
    stated: Text
    variants: Annotated[tuple[Variant, ...], Field(min_length=1, max_length=64)]
    protocol: AuthorsProtocol
    data: str = ""
    open: tuple[Choice, ...] = ()
    inconsistent: tuple[Text, ...] = ()
    differs: tuple[Text, ...] = ()

    def selectors(self) -> Iterator[tuple[Variant, str | None, str]]:
        """Yield each pipeline: its variant, its extractor (None: it has none) and its classifier."""
        for variant in self.variants:
            for extractor in variant.extractors or (None,):
                for classifier in variant.classifiers:
                    yield variant, extractor, classifier
