"""Run recipes and place their published scores beside those of the authors' protocol and of unseen patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.experiments.experiment import Experiment
from bench.experiments.records import ExperimentResult
from bench.experiments.refit import disk_errors_as_bench_error
from bench.experiments.results import Results
from bench.experiments.run import run_plan
from bench.observer import DistinctNotices, Observer
from bench.recipes.catalogue import recipes_of
from bench.recipes.evaluations import Changes, Data, Evaluation, Pipelines, changed_pipelines, evaluations
from bench.recipes.recipe import Recipe, Variant
from bench.recipes.rows import RecipeRow, rows_of_pipeline
from bench.recipes.waterfall import Waterfall
from bench.recipes.waterfall import waterfall as waterfall_of
from bench.storage.json_files import write_json

FORMAT = 1
"""Version of the files of reproductions."""

FOLDER = "recipes"
"""Folder of the results with a file for each recipe."""


@dataclass(frozen=True)
class Reproduction:
    """Rows of a recipe.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    rows : tuple of RecipeRow
        One row for each pipeline and published score.
    waterfalls : tuple of Waterfall
        One for each variant, if they were requested.
    file : Path
        File in the results folder with the same content.
    """

    recipe: Recipe
    rows: tuple[RecipeRow, ...]
    waterfalls: tuple[Waterfall, ...]
    file: Path

    @property
    def refusals(self) -> tuple[str, ...]:
        """Reasons for which no evaluation of a pipeline has a result, each once."""
        return tuple(dict.fromkeys(row.refusal for row in self.rows if row.refusal))

    def record(self) -> dict[str, Any]:
        """Return recipe and rows as JSON values."""
        return {
            "format": FORMAT,
            "recipe": self.recipe.model_dump(mode="json"),
            "rows": [row.record() for row in self.rows],
            "waterfalls": [one.record() for one in self.waterfalls],
        }


def reproduce(recipes: str | Sequence[Recipe], **options: Any) -> list[Reproduction]:
    """Run published systems by the protocols of their authors and on unseen patients.

    Finished experiments are read from the results folder; an interrupted reproduction continues there.

    Parameters
    ----------
    recipes : str or sequence of Recipe
        Name of a recipe, a pattern such as `iiti-*`, `all`, or the path of a YAML file; or recipes.
    **options
        As for `reproductions`.

    Returns
    -------
    list of Reproduction
        In the order of the recipes, with `rows` and `file`.

    Raises
    ------
    BenchError
        There is no such recipe, the data are invalid, or the results cannot be written. A pipeline that cannot be
        evaluated is a row with the reason.

    Examples
    --------
    >>> import bench
    >>> bench.reproduce("somu-nd", data="C-NMC_Leukemia/")[0].rows  # doctest: +SKIP
    """
    return list(reproductions(recipes_of(recipes) if isinstance(recipes, str) else recipes, **options))


def reproductions(
    recipes: Sequence[Recipe],
    *,
    epochs_scale: float = 1.0,
    random_weights: bool = False,
    waterfall: bool = False,
    observer: Observer | None = None,
    **options: Any,
) -> Iterator[Reproduction]:
    """Run recipes one after the other and yield the rows of each.

    Parameters
    ----------
    recipes : sequence of Recipe
        From `bench.recipes.catalogue.recipes_of`.
    epochs_scale : float
        Factor on the epochs of each stage of a training, rounded up, at least 1; rows are marked SHORTENED.
    random_weights : bool
        Whether networks whose weights are not available start at random; rows are marked RANDOM WEIGHTS.
    waterfall : bool
        Whether the leaks of the authors' protocol are also removed one at a time, for the first pipeline of each
        variant.
    observer : Observer, optional
        Receives progress and notices.
    **options
        Options of a run: `data`, `held_out`, `jobs`, `weights_dir`, `out` ...; those of the pipeline and of the
        protocol come from the recipe, except `folds`, `inner_folds` and `seed`.

    Raises
    ------
    BenchError
        The data are invalid, or the results cannot be written.
    """
    if not 0 < epochs_scale <= 1:
        raise BenchError(f"--epochs-scale {epochs_scale}: a number above 0 and at most 1 is expected")
    observer = DistinctNotices(observer or Observer())
    changes = Changes(epochs_scale, random_weights)
    data = Data(options, observer)
    data.opened(None)
    run = _Run(data, changes, observer, waterfall=waterfall)
    for recipe in recipes:
        yield run.recipe(recipe)


class _Run:
    def __init__(self, data: Data, changes: Changes, observer: Observer, *, waterfall: bool) -> None:
        self.data, self.changes, self.observer, self.waterfall = data, changes, observer, waterfall
        self.results = Results.create(Path(data.values.get("out", "results")))

    def recipe(self, recipe: Recipe) -> Reproduction:
        """Run all variants of a recipe and write its rows."""
        rows: list[RecipeRow] = []
        waterfalls = []
        for variant in recipe.variants:
            try:
                pipelines = self._pipelines(variant)
                planned = list(evaluations(recipe, pipelines, self.data))
            except BenchError as error:
                pipelines = Pipelines(variant, variant.extractors, variant.classifiers)
                planned = [Evaluation("grouped", None, str(error))]
            for evaluation in planned:
                self._run(evaluation)
            rows += rows_of_pipeline(recipe, pipelines, planned, self._outcome)
            if self.waterfall and any(one.plan is not None for one in planned):
                waterfalls.append(waterfall_of(recipe, pipelines, self.data, run=self._run, outcome=self._outcome))
        file = self.results.path / FOLDER / f"{recipe.name}.json"
        reproduction = Reproduction(recipe, tuple(rows), tuple(waterfalls), file)
        write_json(file, reproduction.record())
        return reproduction

    def _pipelines(self, variant: Variant) -> Pipelines:
        weights_dir = self.data.values.get("weights_dir")
        return changed_pipelines(variant, self.changes, None if weights_dir is None else str(weights_dir))

    def _run(self, evaluation: Evaluation) -> None:
        if evaluation.plan is None:
            return
        with disk_errors_as_bench_error(self.results.path, evaluation.plan.store):
            run_plan(evaluation.plan, self.results, observer=self.observer)
            self.results.write_leaderboard()

    def _outcome(self, experiment: Experiment) -> ExperimentResult | str:
        """Return the result of an experiment, or the reason of its failure."""
        done = self.results.experiments({experiment.slug})
        if done:
            return done[0]
        failure = self.results.failure(experiment.slug)
        return "there is no result" if failure is None else failure.reason
