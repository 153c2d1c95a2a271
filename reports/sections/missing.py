"""Section on missing feature values: by family, with the reason, and warnings above the leaderboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.plugins.pipeline import prepared_name
from reports.groups import ComparableGroup
from reports.rows import Row
from reports.section import ReportData, Section
from reports.text import percent, plural


@dataclass(frozen=True)
class MissingFeatures:
    """Missing values of the features that some pipelines of a group share.

    Parameters
    ----------
    name : str
        Preparation and extractor.
    summary : str
        Number of columns that are missing in more than half of the cells.
    families : sequence of mapping
        Families with missing values (`bench.features.missing.FamilyMissing`).
    sentences : sequence of str
        Cells without features, dropped columns, differences between the classes.
    """

    name: str
    summary: str
    families: Sequence[Mapping[str, Any]]
    sentences: Sequence[str]


def sections(data: ReportData) -> Iterator[Section]:
    """Build the section on missing values; none where no feature has one.

    Raises
    ------
    BenchError
        The record of an experiment is damaged.
    """
    parts = [
        {"number": number, "group": group, "features": features}
        for number, group in enumerate(data.groups, start=1)
        if (features := missing_features(group))
    ]
    if parts:
        yield Section("Missing values", parts, "missing.html.j2", "missing")


def missing_features(group: ComparableGroup) -> list[MissingFeatures]:
    """Missing values of each extractor of a group, in the order of the leaderboard."""
    listed = []
    for rows in _by_features(group).values():
        missing = rows[0].result.missing
        if missing and missing["families"]:
            name = prepared_name(rows[0].prepare, rows[0].extractor)
            listed.append(MissingFeatures(name, _summary(missing), missing["families"], list(_sentences(missing))))
    return listed


def missing_warnings(group: ComparableGroup) -> list[str]:
    """One sentence for the pipelines with columns that are missing in more than half of the cells, or by class."""
    warnings = []
    for rows in _by_features(group).values():
        missing = rows[0].result.missing
        if not missing:
            continue
        parts = [f"{_summary(missing)} ({missing['reason']})"] if missing["mostly_missing"] else []
        if missing["class_differences"]:
            parts.append("missing values depend on the class, which a classifier can learn")
        if parts:
            warnings.append(f"{', '.join(row.name for row in rows)}: {'; '.join(parts)}.")
    return warnings


def _by_features(group: ComparableGroup) -> dict[tuple[str, ...], list[Row]]:
    by_features: dict[tuple[str, ...], list[Row]] = {}
    for row in group.rows:
        by_features.setdefault((row.prepare, row.extractor, repr(row.result.missing)), []).append(row)
    return by_features


def _summary(missing: Mapping[str, Any]) -> str:
    return (
        f"{missing['mostly_missing']} of {plural(missing['columns'], 'column')} "
        f"{'is' if missing['mostly_missing'] == 1 else 'are'} missing in more than half of the cells"
    )


def _sentences(missing: Mapping[str, Any]) -> Iterator[str]:
    without, dropped = missing["cells_without_values"], missing["dropped"]
    if without:
        yield f"{without} of {plural(missing['cells'], 'cell')} have no feature at all; all get the same prediction."
    if dropped["columns"]:
        yield (
            f"Columns without a value in the training cells of a fold are dropped there: up to {dropped['columns']} "
            f"columns, in {dropped['folds']} of {plural(dropped['of'], 'fold')}."
        )
    for difference in missing["class_differences"]:
        shares = ", ".join(f"{percent(share)} of {label}" for label, share in difference["shares"].items())
        yield (
            f"Missing values depend on the class: {plural(difference['columns'], 'column')} of "
            f"{difference['family']} ({difference['reason']}), up to {shares} (means over split units)."
        )
