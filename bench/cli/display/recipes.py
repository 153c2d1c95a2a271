"""Print reproduced recipes and the list of recipes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

from rich.markup import escape

from bench.cli.display.terminal import console, table_of
from bench.recipes.evaluations import Column
from bench.recipes.recipe import LEAKS, Recipe
from bench.recipes.reproduce import Reproduction
from bench.recipes.rows import RecipeRow, Value
from bench.recipes.waterfall import Waterfall
from bench.scores.intervals import interval_text
from bench.scores.primary import Estimate

_TITLES: dict[Column, str] = {"authors": "authors", "grouped": "patient folds", "held-out": "held-out"}


def show_reproduction(reproduction: Reproduction) -> None:
    """Print the rows of a recipe, its leaks and marks, and its waterfalls."""
    recipe = reproduction.recipe
    console.print(f"\n[bold]{escape(recipe.name)}[/bold]: {escape(recipe.title)}", soft_wrap=True)
    for pipeline, rows in groupby(reproduction.rows, key=_pipeline):
        console.print(pipeline, soft_wrap=True)
        table = table_of("  metric", numbers=("published", *_TITLES.values(), "inflation"))
        for row in rows:
            values = {value.column: value for value in row.values}
            cells = [_value(values.get(column)) for column in _TITLES]
            published = "-" if row.published is None else f"{row.published:g}"
            table.add_row(escape(f"  {_metric(row)}"), published, *cells, _estimate(row.inflation, separator="\n"))
        console.print(table)
    for text in dict.fromkeys(text for row in reproduction.rows for text in _remarks(row)):
        console.print(text, soft_wrap=True)
    for waterfall in reproduction.waterfalls:
        _show_waterfall(waterfall)


def show_recipes(recipes: Iterable[Recipe]) -> None:
    """Print name, title and published scores of recipes."""
    table = table_of("recipe", "system", numbers=("pipelines", "published"))
    for recipe in recipes:
        scores = [f"{score.value:g}" for variant in recipe.variants for score in variant.published]
        shown = ", ".join(scores[:3]) + (" ..." if len(scores) > 3 else "")
        table.add_row(recipe.name, escape(recipe.title), str(len(list(recipe.selectors()))), shown or "-")
    console.print(table)


def _show_waterfall(waterfall: Waterfall) -> None:
    console.print(f"\n{escape(waterfall.pipeline)}: {escape(waterfall.metric)} ({waterfall.part})", soft_wrap=True)
    table = table_of("step", numbers=("score", "change"))
    if waterfall.published is not None:
        table.add_row("published", f"{waterfall.published:g}", "")
    for step in waterfall.steps:
        name = f"without {step.name}" if step.name in LEAKS else step.name
        table.add_row(escape(name), _estimate(step.estimate), _estimate(step.change, signed=True))
    console.print(table)
    for step in waterfall.steps:
        if step.name in LEAKS:
            console.print(f"[dim]without {step.name}: {escape(step.text)}[/dim]", soft_wrap=True)
        if step.reason:
            console.print(f"[red]{escape(step.name)}[/red] {escape(step.reason)}", soft_wrap=True)


def _pipeline(row: RecipeRow) -> str:
    variant = f"{row.variant}: " if row.variant else ""
    marks = "".join(f" [red]{escape(mark.partition(':')[0])}[/red]" for mark in row.marks)
    return f"{escape(variant + row.pipeline)}{marks}"


def _metric(row: RecipeRow) -> str:
    """Return the metric without its usual threshold, and the part."""
    name = row.metric.replace("[threshold=0.5]", "").replace(",threshold=0.5]", "]")
    return f"{name}, {row.part}"


def _remarks(row: RecipeRow) -> Iterable[str]:
    for leak in row.leaks:
        yield f"[red]leak[/red] {row.part}: {LEAKS[leak]}"
    for mark in dict.fromkeys(row.marks):
        yield f"[yellow]note[/yellow] {escape(mark)}"
    for value in row.values:
        if value.reason:
            yield f"[dim]{value.column}: {escape(value.reason)}[/dim]"


def _value(value: Value | None) -> str:
    return "-" if value is None else _estimate(value.estimate, separator="\n")


def _estimate(estimate: Estimate | None, *, signed: bool = False, separator: str = " ") -> str:
    if estimate is None:
        return "-"
    value = f"{estimate.value:+.2f}" if signed else f"{estimate.value:.2f}"
    interval = interval_text(estimate.low, estimate.high) if math.isfinite(estimate.low) else "no interval"
    return f"{value}{separator}[dim]{interval}[/dim]"
