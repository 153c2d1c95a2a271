"""What bench compare prints."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from bench.cli.display.tables import counts_line, protocol_line
from bench.cli.display.terminal import console
from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import ranks_in_words, verdict, what_was_tested
from bench.evidence.text import difference_text, p_text, rank_text, share_text
from bench.experiments.records import BASELINE


def show_comparison(found: Comparison) -> None:
    """Print the verdict, the tests, the order with its doubt, and what all of it rests on."""
    what = f"[bold]{escape(str(found.data['name']))}[/bold]: {counts_line(found.data)}"
    console.print(f"\n{what}; {protocol_line(found.protocol)}\n", highlight=False)
    for sentence in verdict(found):
        console.print(escape(sentence), highlight=False)
    against = "of each pair" if found.all_pairs else f"to {escape(found.reference)}"
    console.print(f"\n[bold]{escape(found.title)}[/bold]: difference {against}", highlight=False)
    console.print(_tests(found), highlight=False)
    if _has_equality(found):
        console.print(
            f"P equal: probability that the difference is within {found.rope:g}.", style="dim", highlight=False
        )
    console.print()
    console.print(_order(found), highlight=False)
    console.print()
    for sentence in [*what_was_tested(found), ranks_in_words(found)]:
        console.print(escape(sentence), style="dim", highlight=False)
    for note in found.notes:
        console.print(f"[yellow]note[/yellow] {escape(note)}", highlight=False)


def _tests(found: Comparison) -> Table:
    second, equality = bool(found.table["second_test"].notna().any()), _has_equality(found)
    table = Table(box=None, pad_edge=False)
    table.add_column("pipeline", overflow="fold")
    if found.all_pairs:
        table.add_column("against", overflow="fold")
    for title in ("difference\n95 % interval", "p\n ", "p\nHolm", *(["2nd p\nHolm"] if second else [])):
        table.add_column(title, justify="right", no_wrap=True)
    if equality:
        table.add_column("P\nequal", justify="right", no_wrap=True)
    for row in found.table.to_dict(orient="records"):
        names = [escape(str(row["pipeline"])), *([escape(str(row["against"]))] if found.all_pairs else [])]
        table.add_row(
            *names,
            difference_text(row["difference"], row["low"], row["high"]),
            p_text(row["p"]),
            p_text(row["p_holm"]),
            *([p_text(row["second_p_holm"])] if second else []),
            *([share_text(row["p_equivalent"])] if equality else []),
        )
    return table


def _has_equality(found: Comparison) -> bool:
    """Whether the test has a reading of practical equality."""
    return bool(found.table["p_equivalent"].notna().any())


def _order(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("pipeline", overflow="fold")
    for title in ("score\n95 % interval", "rank\n95 % interval", "P\nbest"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found.standings.to_dict(orient="records"):
        flags = [f"[{'dim' if flag == BASELINE else 'red'}]{escape(flag)}[/]" for flag in row["flags"]]
        table.add_row(
            " ".join([escape(str(row["pipeline"])), *flags]),
            f"{row['value']:.2f} [dim]{row['low']:.2f}-{row['high']:.2f}[/dim]",
            rank_text(row["rank"], row["rank_low"], row["rank_high"]),
            share_text(row["p_best"]),
        )
    return table
