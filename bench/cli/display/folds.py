"""Print folds: split units and cells of each class in every fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console, positive_text, show_line
from bench.experiments.records import LEAKY
from bench.splits.fold_counts import count_folds, spread

if TYPE_CHECKING:
    from bench.datasets.table import Dataset
    from bench.splits.fold_manifest import Folds

MOST_ROWS = 40
"""Number of folds of a repeat that are printed; a file contains all of them."""


def show_folds(folds: Folds, dataset: Dataset) -> None:
    """Print the folds of a dataset by repeat, and their balance."""
    table = dataset.table
    counts = count_folds(folds, table, positive=dataset.positive)
    patients, units = table["patient"].nunique(), table["unit"].nunique()
    linked = "" if patients == units else f" ({units} split units; linked patients form one)"
    positive = positive_text({"positive": dataset.positive})
    groups = {"patient": f" of {patients} patients{linked}", "unit": f" of {units} split units, without patient ids"}
    counted = f"{len(table)} cells{groups.get(dataset.grouping, ', without patient ids')}"
    console.print(f"[bold]{escape(dataset.name)}[/bold]: {counted}{positive}")
    for repeat, part in counts.groupby("repeat"):
        if folds.repeats > 1:
            console.print(f"\nRepeat {repeat}", style="bold")
        console.print(_repeat(part.drop(columns="repeat"), dataset))
        if len(part) > MOST_ROWS:
            console.print(f"and {len(part) - MOST_ROWS} more folds; --output writes all of them", style="dim")
    if _shares(counts) and folds.count > 1:
        console.print(
            f"\nPrevalence of {dataset.positive}, largest minus smallest over the folds: "
            f"{spread(counts, 'unit prevalence'):.2f} of split units, {spread(counts, 'cell prevalence'):.2f} of cells",
            markup=False,
            soft_wrap=True,
        )
    for violation in folds.violations:
        console.print(f"[red]{LEAKY}[/red] {escape(violation)}", soft_wrap=True)
    show_line("hash", folds.hash)


def _shares(counts: pd.DataFrame) -> bool:
    """Whether the prevalence is informative; it is not if every fold has one class."""
    return "unit prevalence" in counts and not set(counts["unit prevalence"]) <= {0.0, 1.0}


def _repeat(counts: pd.DataFrame, dataset: Dataset) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("fold", justify="right")
    groups = [*(c for c in dataset.classes), "train"]
    for group in groups:
        table.add_column(f"{escape(group)}\nunits", justify="right")
        table.add_column("\ncells", justify="right")
    prevalence = _shares(counts)
    if prevalence:
        for what in ("units", "cells"):
            table.add_column(f"{escape(str(dataset.positive))} share\nof {what}", justify="right")
    for row in counts.head(MOST_ROWS).to_dict(orient="records"):
        numbers = [str(row[f"{group} {what}"]) for group in groups for what in ("units", "cells")]
        shares = [f"{row[f'{what} prevalence']:.2f}" for what in ("unit", "cell")] if prevalence else []
        table.add_row(str(row["fold"]), *numbers, *shares)
    return table
