"""Rows of a reproduced recipe: a pipeline, a published score, and the same metric by each protocol."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.evidence.text import json_value
from bench.experiments.experiment import Experiment
from bench.experiments.records import ExperimentResult
from bench.recipes.evaluations import NO_HELD_OUT, Column, Evaluation, Pipelines
from bench.recipes.recipe import Part, Recipe, Score, metric_of
from bench.scores.primary import Estimate
from bench.scores.published_metrics import PublishedMetric, published_gap, score_published

UNPUBLISHED = "accuracy[threshold=0.5]"
"""Metric of a pipeline without a published score."""

SHORTENED = "SHORTENED"
RANDOM = "RANDOM WEIGHTS"

Outcome = Callable[[Experiment], ExperimentResult | str]
"""Returns the result of an experiment, or the reason why there is none."""


@dataclass(frozen=True)
class Value:
    """A score by one protocol.

    Parameters
    ----------
    column : {"authors", "grouped", "held-out"}
        Protocol.
    estimate : Estimate or None
        Value with its interval; None where there is none.
    reason : str
        Why there is none; empty if there is one.
    experiment : str
        Folder name of the experiment in the results; empty without one.
    """

    column: Column
    estimate: Estimate | None = None
    reason: str = ""
    experiment: str = ""


@dataclass(frozen=True)
class RecipeRow:
    """One row of the table of a reproduction.

    Parameters
    ----------
    recipe, variant, pipeline : str
        Names.
    metric : str
        The metric, as in the recipe.
    part : {"training", "validation", "test"}
        Part of the authors' data of which the published score is.
    published : float or None
        Published score; None without one.
    text : str
        Where the published score is printed.
    values : tuple of Value
        By the protocol of the authors, by folds of patients, and on held-out patients.
    inflation : Estimate or None
        Score by the authors' protocol minus that on unseen patients: of the held-out patients if the authors scored
        them, of the folds of patients otherwise. None without both.
    leaks : tuple of str
        Leaks of the authors' protocol in this score.
    marks : tuple of str
        SHORTENED and RANDOM WEIGHTS, with what they mean here.
    """

    recipe: str
    variant: str
    pipeline: str
    metric: str
    part: Part
    published: float | None
    text: str
    values: tuple[Value, ...]
    inflation: Estimate | None
    leaks: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def refusal(self) -> str:
        """Why no protocol has a value; empty if one has."""
        if any(value.estimate is not None for value in self.values):
            return ""
        return next((value.reason for value in self.values if value.column == "grouped"), "")

    def record(self) -> dict[str, Any]:
        """Return the row as JSON values; numbers that are not finite are None."""
        values: dict[str, Any] = json_value(asdict(self))
        return values


def rows_of_pipeline(
    recipe: Recipe, pipelines: Pipelines, planned: Sequence[Evaluation], outcome: Outcome
) -> Iterator[RecipeRow]:
    """Yield the rows of each pipeline of a variant.

    Parameters
    ----------
    planned : sequence of Evaluation
        The evaluations of the variant, after they were run.
    outcome : callable
        Returns their results.
    """
    names = [e.pipeline.name for e in next((one.plan.experiments for one in planned if one.plan is not None), ())]
    shortened = dict.fromkeys([*pipelines.shortened, *(note for one in planned for note in one.shortened)])
    marks = (
        *(f"{SHORTENED}: {note}" for note in shortened),
        *((f"{RANDOM}: {', '.join(pipelines.random)}",) if pipelines.random else ()),
    )
    for index, name in enumerate(names or ["+".join(pipelines.classifiers)]):
        results: dict[Column, ExperimentResult | str] = {}
        for one in planned:
            results[one.column] = one.reason if one.plan is None else outcome(one.plan.experiments[index])
        parts = {one.column: one.part for one in planned}
        for score in pipelines.variant.published or (unpublished(parts.get("authors", "test")),):
            metric = metric_of(score.metric)
            only = not recipe.protocol.has_test_part
            tables = {c: _table(c, result, score, parts[c], only_part=only) for c, result in results.items()}
            scored_held_out = recipe.protocol.held_out is not None and score.part == "test"
            yield RecipeRow(
                recipe=recipe.name,
                variant=pipelines.variant.label,
                pipeline=name,
                metric=score.metric,
                part=score.part,
                published=published_value(score),
                text=score.text,
                values=tuple(_value(column, results[column], table, metric) for column, table in tables.items()),
                inflation=_inflation(results, tables, metric, "held-out" if scored_held_out else "grouped"),
                leaks=recipe.protocol.leaks(score.part),
                marks=marks,
            )


def unpublished(part: Part) -> Score:
    """Return the metric of a pipeline without a published score, of a part of the authors' cells."""
    return Score.model_construct(metric=UNPUBLISHED, value=math.nan, part=part, text="")


def published_value(score: Score) -> float | None:
    """Return the published value; None without one."""
    return None if math.isnan(score.value) else score.value


def _table(
    column: Column, result: ExperimentResult | str, score: Score, part: Part, *, only_part: bool
) -> pd.DataFrame | str:
    """Return the predictions of a published score, or why there are none.

    `part` is the part of the outer predictions, `only_part` whether the authors scored one part only.
    """
    if isinstance(result, str):
        return result
    if column != "authors":
        return result.predictions
    if score.part == "training":
        return "predictions of training cells are not stored"
    if score.part == part or only_part:
        return result.predictions
    if part == "validation":
        return NO_HELD_OUT
    return result.inner_predictions


def _value(column: Column, result: ExperimentResult | str, table: pd.DataFrame | str, metric: PublishedMetric) -> Value:
    if isinstance(result, str) or isinstance(table, str):
        return Value(column, reason=str(table))
    try:
        estimate = estimate_of(table, metric, result)
    except BenchError as error:
        return Value(column, reason=str(error), experiment=result.folder.name)
    return Value(column, estimate, experiment=result.folder.name)


def _inflation(
    results: Mapping[Column, ExperimentResult | str],
    tables: Mapping[Column, pd.DataFrame | str],
    metric: PublishedMetric,
    unseen: Column,
) -> Estimate | None:
    theirs, ours, result = tables.get("authors"), tables.get(unseen), results.get("authors")
    if not (isinstance(theirs, pd.DataFrame) and isinstance(ours, pd.DataFrame)) or isinstance(result, str | None):
        return None
    return gap_of(theirs, ours, metric, result)


def estimate_of(predictions: pd.DataFrame, metric: PublishedMetric, result: ExperimentResult) -> Estimate:
    """Return a metric of predictions of an experiment with its interval."""
    (row,) = score_published(predictions, [metric], **_classes(result)).to_dict("records")
    return Estimate(*(float(row[name]) for name in ("value", "low", "high")))


def gap_of(first: pd.DataFrame, second: pd.DataFrame, metric: PublishedMetric, result: ExperimentResult) -> Estimate:
    """Return the difference of a metric between two tables of predictions of the data of an experiment."""
    return published_gap(first, second, metric, **_classes(result))


def _classes(result: ExperimentResult) -> dict[str, Any]:
    data = result.record["data"]
    return {"classes": data["classes"], "positive": data["positive"]}
