"""What the chance test prints."""

from __future__ import annotations

from rich.markup import escape

from bench.cli.display.terminal import console, show_line
from bench.evidence.permutation.significance import Significance
from bench.scores.metrics import METRICS


def show_significance(found: Significance) -> None:
    """Print the chance test of an experiment."""
    title = METRICS[found.metric].title
    units = ", ".join(f"{n} {label}" for label, n in found.units.items())
    console.print(f"\n[bold]{escape(found.name)}[/bold]: could chance give this score?", highlight=False)
    repeats = "" if found.repeats == 1 else f" x {found.repeats} repeats"
    split = f"{found.folds} folds by patient{repeats}"
    console.print(
        f"{escape(title)}, {split}: [bold]{found.observed:.2f}[/bold] with the true labels, {_range(found.null)} with "
        f"{_how_many(found)}.",
        highlight=False,
    )
    console.print(
        f"[bold]p = {_small(found.p)}[/bold]; it could not have come out below {_small(found.floor)}{_more(found)}.",
        highlight=False,
    )
    tuned = f", {found.tune} tuning trials a fold" if found.tune else ""
    console.print(
        f"Unit of the test: patients (split units: {escape(units)}); a patient's cells move together. Folds, inner "
        f"folds, threshold and fit were made anew for each{tuned}.",
        style="dim",
        highlight=False,
    )
    show_line("significance", found.file)


def _range(null: tuple[float, ...]) -> str:
    ordered = sorted(null)
    return f"{ordered[len(ordered) // 2]:.2f} in the median ({ordered[0]:.2f}-{ordered[-1]:.2f})"


def _more(found: Significance) -> str:
    """What helps where p is as low as so few permutations let it be."""
    held_up = not found.exact and found.p <= found.floor and found.possible > len(found.null) + 1
    return "; more --permutations could lower it" if held_up else ""


def _how_many(found: Significance) -> str:
    if found.exact:
        return f"each of the {found.possible - 1} other ways to label the patients"
    return f"{len(found.null)} random permutations of the patients' labels"


def _small(p: float) -> str:
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
