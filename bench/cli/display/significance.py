"""Print a permutation test."""

from __future__ import annotations

from rich.markup import escape

from bench.cli.display.terminal import console, show_line
from bench.evidence.permutation.significance import Significance
from bench.scores.metrics import METRICS


def show_significance(test: Significance) -> None:
    """Print the permutation test of an experiment."""
    title = METRICS[test.metric].title
    units = ", ".join(f"{n} {label}" for label, n in test.units.items())
    console.print(f"\n[bold]{escape(test.name)}[/bold]: permutation test")
    repeats = "" if test.repeats == 1 else f" x {test.repeats} repeats"
    split = f"{test.folds} folds by patient{repeats}"
    console.print(
        f"{escape(title)}, {split}: [bold]{test.observed:.2f}[/bold] with the true labels, {_range(test.null)} with "
        f"{_how_many(test)}."
    )
    console.print(
        f"[bold]p = {_small(test.p)}[/bold]; the smallest possible value is {_small(test.floor)}{_more(test)}."
    )
    tuned = f", {test.tune} tuning trials per fold" if test.tune else ""
    console.print(
        f"Unit of the test: patients (split units: {escape(units)}); the cells of a patient are permuted together. "
        f"Folds, inner folds, threshold and fit are recomputed for every permutation{tuned}.",
        style="dim",
    )
    show_line("significance", test.file)


def _range(null: tuple[float, ...]) -> str:
    ordered = sorted(null)
    return f"{ordered[len(ordered) // 2]:.2f} in the median ({ordered[0]:.2f}-{ordered[-1]:.2f})"


def _more(test: Significance) -> str:
    """Return a hint where more permutations could lower p."""
    limited = not test.exact and test.p <= test.floor and test.possible > len(test.null) + 1
    return "; more --permutations could lower it" if limited else ""


def _how_many(test: Significance) -> str:
    if test.exact:
        return f"all {test.possible - 1} other labellings of the patients"
    return f"{len(test.null)} random permutations of the patients' labels"


def _small(p: float) -> str:
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
