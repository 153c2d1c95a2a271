"""Print a comparison of pipelines."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from bench.cli.display.tables import counts_line, protocol_line
from bench.cli.display.terminal import console, positive_text, table_of
from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import describe_ranks, describe_tests, verdict
from bench.evidence.text import difference_text, drawn_share_text, p_text, rank_text, share_text
from bench.experiments.records import BASELINE
from bench.scores.intervals import interval_text


def show_comparison(comparison: Comparison) -> None:
    """Print the conclusion, the tests, the ranking with its uncertainty, and the assumptions."""
    repeats = comparison.standings["repeats"].astype(int)
    settings = f"{counts_line(comparison.data)}; {protocol_line(comparison.protocol, repeats, comparison.data)}"
    name = escape(str(comparison.data["name"]))
    console.print(f"\n[bold]{name}[/bold]: {escape(settings)}{positive_text(comparison.data)}\n")
    for sentence in verdict(comparison):
        console.print(escape(sentence))
    against = "of each pair" if comparison.all_pairs else f"to {escape(comparison.reference)}"
    console.print(f"\n[bold]{escape(comparison.title)}[/bold]: difference {against}")
    console.print(_tests(comparison))
    if _has_equality(comparison):
        console.print(f"P equal: probability that the difference is within {comparison.rope:g}.", style="dim")
    console.print()
    console.print(_ranking(comparison))
    console.print()
    for sentence in [*describe_tests(comparison), describe_ranks(comparison)]:
        console.print(escape(sentence), style="dim")
    for note in comparison.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}")


def _tests(comparison: Comparison) -> Table:
    second, equality = bool(comparison.table["second_test"].notna().any()), _has_equality(comparison)
    numbers = ["repeats\ncommon", "difference\n95 % interval", "p\n ", "p\nHolm"]
    numbers += (["2nd p\nHolm"] if second else []) + (["P\nequal"] if equality else [])
    table = table_of("pipeline", *(["against"] if comparison.all_pairs else []), numbers=numbers)
    for row in comparison.table.to_dict(orient="records"):
        names = [escape(str(row["pipeline"])), *([escape(str(row["against"]))] if comparison.all_pairs else [])]
        numbers = [
            f"{row['repeats']:.0f}",
            difference_text(row["difference"], row["low"], row["high"]),
            p_text(row["p"]),
            p_text(row["p_holm"]),
        ]
        if second:
            numbers.append(p_text(row["second_p_holm"]))
        if equality:
            numbers.append(share_text(row["p_equivalent"]))
        table.add_row(*names, *numbers)
    return table


def _has_equality(comparison: Comparison) -> bool:
    """Whether the test reports a probability of practical equality."""
    return bool(comparison.table["p_equivalent"].notna().any())


def _ranking(comparison: Comparison) -> Table:
    table = table_of("pipeline", numbers=("score\n95 % interval", "rank\n95 % interval", "P best\nthese models"))
    for row in comparison.standings.to_dict(orient="records"):
        flags = [f"[{'dim' if flag == BASELINE else 'red'}]{escape(flag)}[/]" for flag in row["flags"]]
        table.add_row(
            " ".join([escape(str(row["pipeline"])), *flags]),
            f"{row['value']:.2f} [dim]{interval_text(row['low'], row['high'])}[/dim]",
            rank_text(row["rank"], row["rank_low"], row["rank_high"]),
            drawn_share_text(row["p_best"]),
        )
    return table
