"""Which pipelines of a track can be told apart, as the page shows it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.evidence.comparison.compare import Comparison, compare
from bench.evidence.comparison.text import ranks_in_words, verdict, what_was_tested
from bench.evidence.text import difference_text, p_text, rank_text, share_text
from reports.sections.leaderboard import ComparableGroup, Row


@dataclass(frozen=True)
class Figure:
    """A table cell: what is read, and the number that the column is sorted by."""

    text: str
    order: float


NONE = Figure("–", -1e9)
"""A cell without a figure; it is sorted below all others."""

_TESTED = ("difference", "p", "p_holm", "second_p", "equal", "won", "effect")


@dataclass(frozen=True)
class Line:
    """A pipeline of the comparison.

    Parameters
    ----------
    row : Row
        Its row in the leaderboard.
    reference : bool
        Whether the others are held against it; it has no figures of a test then.
    difference, p, p_holm, second_p, equal : Figure
        Score minus that of the reference with its 95 % interval; p-values; probability of practical equality.
    rank, best : Figure
        Median rank with its 95 % interval, and probability of the best rank.
    won, effect : Figure
        Share of the patients on whom it does better than the reference; mean over SD of the patients' differences.
    """

    row: Row
    reference: bool
    difference: Figure
    p: Figure
    p_holm: Figure
    second_p: Figure
    equal: Figure
    rank: Figure
    best: Figure
    won: Figure
    effect: Figure


@dataclass(frozen=True)
class ComparisonView:
    """A track's comparison, as the template takes it.

    Parameters
    ----------
    lines : sequence of Line
        The best first.
    reference : Row
        What the others are held against.
    title : str
        What is compared.
    rope : float
        Half width of the region of practical equivalence.
    second, equality : bool
        Whether there is a second test, and whether the test has a reading of practical equality.
    indistinguishable : sequence of str
        Names of those that the test does not tell from the reference.
    unit : str
        Unit of the test.
    verdict, tests, notes : sequence of str
        Sentences: what it says, what was tested on what unit, and what must be held against it.
    """

    lines: Sequence[Line]
    reference: Row
    title: str
    rope: float
    second: bool
    equality: bool
    indistinguishable: Sequence[str]
    unit: str
    verdict: Sequence[str]
    tests: Sequence[str]
    notes: Sequence[str]


def compared(track: ComparableGroup) -> ComparisonView | None:
    """All pipelines of a track against the best; None where patients leak, or there are not two.

    Raises
    ------
    BenchError
        Predictions cannot be read.
    """
    if track.leaky or len(track.rows) < 2:
        return None
    found = compare([row.result for row in track.rows], names=[row.name for row in track.rows])
    rows = {row.name: row for row in track.rows}
    return ComparisonView(
        lines=_lines(found, rows),
        reference=rows[found.reference],
        title=found.title,
        rope=found.rope,
        second=bool(found.table["second_test"].notna().any()),
        equality=bool(found.table["p_equivalent"].notna().any()),
        indistinguishable=found.indistinguishable,
        unit=str(found.table["unit"].iloc[0]),
        verdict=verdict(found),
        tests=[*what_was_tested(found), ranks_in_words(found)],
        notes=found.notes,
    )


def _lines(found: Comparison, rows: Mapping[str, Row]) -> list[Line]:
    tests = {str(test["pipeline"]): _figures(test) for test in found.table.to_dict(orient="records")}
    return [
        Line(
            row=rows[str(place["pipeline"])],
            reference=place["pipeline"] == found.reference,
            rank=Figure(rank_text(place["rank"], place["rank_low"], place["rank_high"]), _order(place["rank"])),
            best=Figure(share_text(place["p_best"]), _order(place["p_best"])),
            **tests.get(str(place["pipeline"]), dict.fromkeys(_TESTED, NONE)),
        )
        for place in found.standings.to_dict(orient="records")
    ]


def _figures(test: Mapping[Any, Any]) -> dict[str, Figure]:
    return {
        "difference": Figure(
            difference_text(test["difference"], test["low"], test["high"]), _order(test["difference"])
        ),
        "p": Figure(p_text(test["p"]), _order(test["p"])),
        "p_holm": Figure(p_text(test["p_holm"]), _order(test["p_holm"])),
        "second_p": Figure(p_text(test["second_p_holm"]), _order(test["second_p_holm"])),
        "equal": Figure(share_text(test["p_equivalent"]), _order(test["p_equivalent"])),
        "won": Figure(f"{100 * test['win_rate']:.0f} %", _order(test["win_rate"])),
        "effect": Figure(f"{test['effect_size']:+.2f}", _order(test["effect_size"])),
    }


def _order(value: float) -> float:
    """The value itself; one below all others where there is none."""
    return float(value) if math.isfinite(value) else NONE.order
