"""Print a permutation test."""

from __future__ import annotations

import math
from statistics import median

from rich.markup import escape

from bench.cli.display.terminal import console, positive_text, show_line
from bench.evidence.permutation.significance import MAX_COUNT, Significance
from bench.evidence.permutation.text import describe_unit
from bench.scores.metrics import METRICS


def show_significance(test: Significance) -> None:
    """Print the permutation test of an experiment."""
    title = METRICS[test.metric].title
    console.print(f"\n[bold]{escape(test.name)}[/bold]: permutation test{positive_text({'positive': test.positive})}")
    repeats = "" if test.repeats == 1 else f" x {test.repeats} repeats"
    split = f"{test.folds} folds by patient{repeats}"
    console.print(
        f"{escape(title)}, {split}: [bold]{test.observed:.2f}[/bold] with the true labels, {_range(test.null)} with "
        f"{_how_many(test)}."
    )
    console.print(
        f"[bold]p = {_small(test.p)}[/bold]; the smallest possible value is {_small(test.floor)}, for "
        f"{_permutations(test)}{_more(test)}."
    )
    tuned = f", {test.tune} tuning trials per fold" if test.tune else ""
    unit = describe_unit(labels_of=test.labels_of, moved=test.moved, fixed=test.fixed, units=test.units)
    console.print(
        f"{escape(unit)} Folds, inner folds, threshold and fit are recomputed for every permutation{tuned}.",
        style="dim",
    )
    show_line("significance", test.file)


def _range(null: tuple[float, ...]) -> str:
    return f"{median(null):.2f} in the median ({min(null):.2f}-{max(null):.2f})"


def _more(test: Significance) -> str:
    """Return a hint where more permutations could lower p."""
    limited = not test.exact and test.p <= test.floor and test.possible > len(test.null) + 1
    return "; more --permutations could lower it" if limited else ""


def _how_many(test: Significance) -> str:
    """Describe the permutations behind the range of scores."""
    owner = "the labels of patients" if test.labels_of == "patients" else "the labels of each patient's cells"
    return f"{'all other' if test.exact else len(test.null)} permutations of {owner}"


def _permutations(test: Significance) -> str:
    """Describe the permutations behind the smallest possible p-value."""
    if test.exact:
        return f"all {test.possible:,} distinct labellings"
    many = f"{test.possible:,}" if test.possible <= MAX_COUNT else f"about 10^{math.log10(test.possible):.0f}"
    return f"{len(test.null):,} random permutations of {many} distinct labellings"


def _small(p: float) -> str:
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
