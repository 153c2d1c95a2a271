"""Print a leakage report."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from bench.cli.display.terminal import console, positive_text, show_line, table_of
from bench.evidence.leakage.clustering import FeatureClustering
from bench.evidence.leakage.report import Leakage
from bench.evidence.text import LEVEL, p_text, share_of
from bench.scores.intervals import interval_text
from bench.scores.metrics import METRICS
from bench.scores.primary import Estimate

_STYLE = {"identity-only": "red", "inflated": "red", "no-leak": "green"}
"""Style of a verdict; the others are yellow."""


def show_leakage(report: Leakage) -> None:
    """Print the leakage report of an experiment: the conclusion, then the numbers behind it."""
    style = _STYLE.get(report.verdict.code, "yellow")
    console.print(f"\n[bold]{escape(report.name)}[/bold]: leakage{positive_text({'positive': report.positive})}")
    console.print(f"[{style}]{escape(report.verdict.text)}[/{style}]\n")
    console.print(_scores(report))
    _show_recognition(report)
    _show_clustering(report)
    for text in report.missing:
        console.print(f"[yellow]not available[/yellow] {escape(text)}")
    console.print(
        "Intervals: as of the experiments, conditional on the fitted models; of the gap: patient bootstrap, paired.",
        style="dim",
    )
    show_line("leakage", report.file)


def _scores(report: Leakage) -> Table:
    table = table_of(METRICS[report.metric].title, numbers=("value", "95 % interval"))
    estimates = {"folds by image": report.by_image, "folds by patient": report.by_patient, "leak gap": report.gap}
    for title, estimate in estimates.items():
        table.add_row(title, f"{estimate.value:.2f}", _interval(estimate))
    if (identity := report.identity) is not None:
        table.add_row(
            f"folds by image, labels permuted between patients ({identity.permutations} times)",
            f"{identity.mean:.2f}",
            f"sd {identity.sd:.2f}",
        )
        table.add_row("  score of a classifier that knows the true class", f"{identity.class_only:.2f}", "")
        table.add_row("  fraction that reaches the score of the true labels (p)", f"{identity.p:.2g}", "")
    return table


def _show_recognition(report: Leakage) -> None:
    if not report.recognition:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("patient recognition")
    for title in ("patients", "cells", "right patient", "chance", "p (Holm)"):
        table.add_column(title, justify="right")
    for r in report.recognition:
        row = (share_of(r.accuracy), share_of(r.chance), p_text(r.p))
        table.add_row(f"within {escape(r.label)}", str(r.patients), str(r.cells), *row)
    console.print()
    console.print(table)


def _show_clustering(report: Leakage) -> None:
    console.print()
    if (features := report.features) is not None:
        top = ", ".join(f"{name} {icc:.2f}" for name, icc in features.top)
        console.print(
            f"Intra-class correlation of {features.features} features, class means removed: median "
            f"{features.median:.2f}; highest: {escape(top)}."
        )
        console.print(_spread(features))
    if (scores := report.scores) is not None:
        console.print(
            f"Intra-class correlation of the scores on unseen patients: {scores.icc:.2f}. Design effect "
            f"{scores.design_effect:.1f}: {scores.cells} cells are worth {scores.effective_cells:.0f} "
            "independent ones."
        )
    if (errors := report.errors) is not None:
        # Labels cannot be permuted if a patient has cells of several classes.
        counted = "" if report.identity is not None else " (counted once for each of their classes)"
        console.print(
            f"Of {errors.patients} patients{counted}, {errors.all_right:.0%} have only correct cells and "
            f"{errors.all_wrong:.0%} only wrong ones; with independent errors it would be "
            f"{errors.all_right_expected:.0%} and {errors.all_wrong_expected:.0%}."
        )


def _spread(features: FeatureClustering) -> str:
    differing = (
        ""
        if features.differing is None
        else f" {features.differing} of the features differ{'s' if features.differing == 1 else ''} between classes "
        f"(F-test on patient means, Holm p at most {LEVEL:g})."
    )
    return (
        f"Their variance is between classes ({features.of_class:.0%}), between patients of a class "
        f"({features.of_patients:.0%}) and between cells of a patient ({features.of_cells:.0%}).{differing}"
    )


def _interval(estimate: Estimate) -> str:
    return interval_text(estimate.low, estimate.high, form="{:.2f} to {:.2f}" if estimate.low < 0 else "{:.2f}-{:.2f}")
