"""Waterfall of a recipe: its leaks removed one at a time, from the published score to that on unseen patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from bench.errors import BenchError
from bench.evidence.text import json_value
from bench.experiments.records import ExperimentResult
from bench.recipes.evaluations import Column, Data, Evaluation, Pipelines, authors_evaluation, evaluations
from bench.recipes.recipe import LEAKS, Part, Recipe, Score, metric_of
from bench.recipes.rows import Outcome, estimate_of, gap_of, published_value, unpublished
from bench.scores.primary import Estimate

AUTHORS, GROUPED = "authors' protocol", "folds of patients"
IMAGES = "images"
"""The leak whose removal is the evaluation by folds of patients."""

_GROUPED: tuple[Column, ...] = ("grouped",)


@dataclass(frozen=True)
class Step:
    """One step of a waterfall.

    Parameters
    ----------
    name : str
        The authors' protocol, a leak that is removed (`bench.recipes.recipe.LEAKS`), or the folds of patients.
    text : str
        What changes.
    estimate : Estimate or None
        Score after the step; None where it failed.
    change : Estimate or None
        Score minus that of the step before; None for the first one.
    reason : str
        Why there is no score; empty if there is one.
    """

    name: str
    text: str
    estimate: Estimate | None
    change: Estimate | None = None
    reason: str = ""


@dataclass(frozen=True)
class Waterfall:
    """Waterfall of one pipeline and score.

    Parameters
    ----------
    recipe, pipeline, metric : str
        Names.
    part : {"validation", "test"}
        Scored part of the authors' data.
    published : float or None
        Published score.
    steps : tuple of Step
        The authors' protocol, then the removal of each leak; the last one is the evaluation on unseen patients.
    """

    recipe: str
    pipeline: str
    metric: str
    part: Part
    published: float | None
    steps: tuple[Step, ...]

    def record(self) -> dict[str, Any]:
        """Return all fields as JSON values; numbers that are not finite are None."""
        values: dict[str, Any] = json_value(asdict(self))
        return values


def waterfall(
    recipe: Recipe, pipelines: Pipelines, data: Data, *, run: Callable[[Evaluation], None], outcome: Outcome
) -> Waterfall:
    """Evaluate the first pipeline of a variant with all leaks, with one leak less in each step, and grouped by patient.

    Leaks are removed in the order of `bench.recipes.recipe.LEAKS`; without images of one patient in several parts, the
    evaluation is that by folds of patients. The contribution of a leak depends on the order,
    since leaks act together: copies of a cell help only as long as they are on both sides of the split.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    pipelines : Pipelines
        One of its variants.
    data : Data
        Dataset of the command.
    run : callable
        Runs an evaluation.
    outcome : callable
        Returns the result of an experiment.
    """
    score, part = _scored(recipe, pipelines, data)
    first = Pipelines(
        pipelines.variant,
        pipelines.extractors[:1],
        pipelines.classifiers[:1],
        pipelines.shortened,
        pipelines.random,
    )
    steps, before, name = [], None, ""
    for step, text, plan in _plans(recipe, first, data, part):
        result = _result(plan, run, outcome)
        steps.append(_step(step, text, result, before, score))
        if not isinstance(result, str):
            before, name = result, result.name
    published = published_value(score)
    return Waterfall(recipe.name, name or first.classifiers[0], score.metric, part, published, tuple(steps))


def _scored(recipe: Recipe, pipelines: Pipelines, data: Data) -> tuple[Score, Part]:
    """Return the first published score with a leak, or the first one, and the part that can be scored here."""
    alone = recipe.protocol.held_out is None and recipe.protocol.has_test_part
    unscored = ("training", "validation") if alone else ("training",)
    scores = [one for one in pipelines.variant.published if one.part not in unscored]
    scores = scores or [unpublished("test" if alone or data.has_held_out else "validation")]
    score = next((one for one in scores if recipe.protocol.leaks(one.part)), scores[0])
    if score.part == "test" and recipe.protocol.held_out is not None and not data.has_held_out:
        score = next((one for one in scores if one.part == "validation"), score)
    return score, score.part


def _plans(
    recipe: Recipe, pipelines: Pipelines, data: Data, part: Part
) -> Iterator[tuple[str, str, Callable[[], Evaluation]]]:
    """Yield name and text of each step, and what plans it."""
    without: tuple[str, ...] = ()
    for name in (AUTHORS, *recipe.protocol.leaks(part)):
        if name == IMAGES:
            break
        if name != AUTHORS:
            without = (*without, name)
        text = recipe.protocol.text if name == AUTHORS else LEAKS[name]
        yield name, text, _planner(recipe, pipelines, data, part, without)
    if recipe.protocol.held_out is None or part != "test":
        # Folds of patients score every patient, one part with as many patients as the authors' images only some.
        leaky = IMAGES in recipe.protocol.leaks(part)
        name, text = (IMAGES, LEAKS[IMAGES]) if leaky else (GROUPED, "each patient is tested once")
        yield name, text, lambda: next(evaluations(recipe, pipelines, data, columns=_GROUPED))


def _planner(
    recipe: Recipe, pipelines: Pipelines, data: Data, part: Part, without: tuple[str, ...]
) -> Callable[[], Evaluation]:
    return lambda: authors_evaluation(recipe.protocol, pipelines, data, part=part, without=without)


def _result(
    plan: Callable[[], Evaluation], run: Callable[[Evaluation], None], outcome: Outcome
) -> ExperimentResult | str:
    """Run a step and return its result, or the reason why there is none."""
    try:
        evaluation = plan()
    except BenchError as error:
        return str(error)
    if evaluation.plan is None:
        return evaluation.reason
    run(evaluation)
    return outcome(evaluation.plan.experiments[0])


def _step(name: str, text: str, result: ExperimentResult | str, before: ExperimentResult | None, score: Score) -> Step:
    if isinstance(result, str):
        return Step(name, text, None, reason=result)
    metric = metric_of(score.metric)
    change = None if before is None else gap_of(result.predictions, before.predictions, metric, result)
    return Step(name, text, estimate_of(result.predictions, metric, result), change)
