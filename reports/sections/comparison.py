"""Section on paired comparisons: which pipelines differ from the best one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.evidence.comparison.compare import Comparison
from bench.evidence.comparison.text import describe_ranks, describe_tests, verdict
from bench.evidence.text import difference_text, drawn_share_text, p_text, rank_text, share_text
from reports.groups import ComparableGroup
from reports.section import ReportData, Section

_COLUMNS: Mapping[str, Callable[[Mapping[Any, Any]], str]] = {
    "common_repeats": lambda line: f"{line['common_repeats']:.0f}",
    "difference": lambda line: difference_text(line["difference"], line["low"], line["high"]),
    "p": lambda line: p_text(line["p"]),
    "p_holm": lambda line: p_text(line["p_holm"]),
    "second_p_holm": lambda line: p_text(line["second_p_holm"]),
    "p_equivalent": lambda line: share_text(line["p_equivalent"]),
    "win_rate": lambda line: f"{100 * line['win_rate']:.0f} %",
    "effect_size": lambda line: f"{line['effect_size']:+.2f}",
    "rank": lambda line: rank_text(line["rank"], line["rank_low"], line["rank_high"]),
    "p_best": lambda line: drawn_share_text(line["p_best"]),
}
"""Columns of the table with their texts; each is sorted by the value of that name."""

_LAST = -1e9
"""Sort value of a cell without a value, below all others."""


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


def comparison_view(number: int, group: ComparableGroup, comparison: Comparison) -> dict[str, Any]:
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
    rows = {row.result.key: row for row in group.rows}
    standings, tests = (table.set_index("pipeline") for table in (comparison.standings, comparison.table))
    optional = {"second_p_holm": "second_test", "p_equivalent": "p_equivalent"}
    absent = {column for column, source in optional.items() if tests[source].isna().all()}
    columns = [column for column in _COLUMNS if column not in absent]
    tests = tests.rename(columns={"repeats": "common_repeats"})
    test_of, lines = tests.to_dict(orient="index"), []
    for pipeline, place in standings.to_dict(orient="index").items():
        line = {**place, **test_of.get(pipeline, {})}
        lines.append((rows[place["key"]], pipeline == comparison.reference, [_cell(line, name) for name in columns]))
    return {
        "number": number,
        "group": group,
        "comparison": comparison,
        "columns": columns,
        "lines": lines,
        "reference": next(row for row, is_reference, _ in lines if is_reference),
        "verdict": verdict(comparison),
        "tests": [*describe_tests(comparison), describe_ranks(comparison)],
    }


def _cell(line: Mapping[Any, Any], column: str) -> tuple[str, float]:
    """Return the text of a cell and the number by which its column is sorted; the reference has no test results."""
    if column not in line:
        return "–", _LAST
    value = float(line[column])
    return _COLUMNS[column](line), value if math.isfinite(value) else _LAST
