"""Section on paired comparisons: which pipelines differ from the best one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import describe_ranks, describe_tests, verdict
from bench.evidence.text import difference_text, p_text, rank_text, share_text
from reports.groups import ComparableGroup
from reports.rows import Row
from reports.section import ReportData, Section


@dataclass(frozen=True)
class TableCell:
    """A table cell: text, and the number by which the column is sorted."""

    text: str
    order: float


MISSING = TableCell("–", -1e9)
"""A cell without a value; sorted below all others."""


@dataclass(frozen=True)
class ComparisonLine:
    """A pipeline of the comparison.

    Parameters
    ----------
    row : Row
        Its row in the leaderboard.
    reference : bool
        Whether it is the reference, which has no test results.
    difference, p, p_holm, second_p, equal : TableCell
        Score minus that of the reference with its 95 % interval; p-values; probability of practical equivalence.
    rank, best : TableCell
        Median rank with its 95 % interval, and probability of the best rank.
    won, effect : TableCell
        Share of patients on which it beats the reference; mean / SD of the patients' differences.
    """

    row: Row
    reference: bool
    rank: TableCell
    best: TableCell
    difference: TableCell = MISSING
    p: TableCell = MISSING
    p_holm: TableCell = MISSING
    second_p: TableCell = MISSING
    equal: TableCell = MISSING
    won: TableCell = MISSING
    effect: TableCell = MISSING


@dataclass(frozen=True)
class ComparisonView:
    """Comparison of one group.

    Parameters
    ----------
    number : int
        Number of the group in the page, from 1.
    group : ComparableGroup
        The group.
    lines : sequence of ComparisonLine
        Best first.
    reference : Row
        Row that the others are compared with.
    title : str
        Title of the metric.
    rope : float
        Half width of the region of practical equivalence.
    second, equality : bool
        Whether there is a second test, and a probability of practical equivalence.
    verdict, tests, notes : sequence of str
        Sentences: result, tests with their units, and limitations.
    """

    number: int
    group: ComparableGroup
    lines: Sequence[ComparisonLine]
    reference: Row
    title: str
    rope: float
    second: bool
    equality: bool
    verdict: Sequence[str]
    tests: Sequence[str]
    notes: Sequence[str]


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on comparisons.

    Raises
    ------
    BenchError
        Predictions cannot be read.
    """
    pairs = enumerate(zip(data.groups, data.comparisons, strict=True), start=1)
    views = [comparison_view(n, group, comparison) for n, (group, comparison) in pairs if comparison is not None]
    if views:
        yield Section("Which pipelines differ from the best?", views, "comparison.html.j2", "comparison")


def comparison_view(number: int, group: ComparableGroup, comparison: Comparison) -> ComparisonView:
    """Build the view of a group's comparison.

    Parameters
    ----------
    number : int
        Number of the group in the page, from 1.
    group : ComparableGroup
        The group.
    comparison : Comparison
        Comparison of experiments of the group, possibly stored; rows are matched by key.
    """
    by_key = {row.result.key: row for row in group.rows}
    standings = comparison.standings
    rows = {str(name): by_key[key] for name, key in zip(standings["pipeline"], standings["key"], strict=True)}
    return ComparisonView(
        number=number,
        group=group,
        lines=_lines(comparison, rows),
        reference=rows[comparison.reference],
        title=comparison.title,
        rope=comparison.rope,
        second=bool(comparison.table["second_test"].notna().any()),
        equality=bool(comparison.table["p_equivalent"].notna().any()),
        verdict=verdict(comparison),
        tests=[*describe_tests(comparison), describe_ranks(comparison)],
        notes=comparison.notes,
    )


def _lines(comparison: Comparison, rows: Mapping[str, Row]) -> list[ComparisonLine]:
    tests = {str(test["pipeline"]): _cells(test) for test in comparison.table.to_dict(orient="records")}
    return [
        ComparisonLine(
            row=rows[str(place["pipeline"])],
            reference=place["pipeline"] == comparison.reference,
            rank=TableCell(rank_text(place["rank"], place["rank_low"], place["rank_high"]), _order(place["rank"])),
            best=TableCell(share_text(place["p_best"]), _order(place["p_best"])),
            **tests.get(str(place["pipeline"]), {}),
        )
        for place in comparison.standings.to_dict(orient="records")
    ]


def _cells(test: Mapping[Any, Any]) -> dict[str, TableCell]:
    return {
        "difference": TableCell(
            difference_text(test["difference"], test["low"], test["high"]), _order(test["difference"])
        ),
        "p": TableCell(p_text(test["p"]), _order(test["p"])),
        "p_holm": TableCell(p_text(test["p_holm"]), _order(test["p_holm"])),
        "second_p": TableCell(p_text(test["second_p_holm"]), _order(test["second_p_holm"])),
        "equal": TableCell(share_text(test["p_equivalent"]), _order(test["p_equivalent"])),
        "won": TableCell(f"{100 * test['win_rate']:.0f} %", _order(test["win_rate"])),
        "effect": TableCell(f"{test['effect_size']:+.2f}", _order(test["effect_size"])),
    }


def _order(value: float) -> float:
    """Return the value itself; NaN is sorted below all others."""
    return float(value) if math.isfinite(value) else MISSING.order
