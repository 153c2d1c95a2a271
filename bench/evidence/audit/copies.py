"""Findings on identical images: within a patient, across patients, folds and sets, and under two labels."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import pandas as pd

from bench.datasets.duplicates import identical
from bench.evidence.audit.findings import Finding, Level, finding_on
from bench.evidence.text import count, list_names

APART = {
    "patient": "under different patients",
    "fold": "in different official folds",
    "set": "in both the training and the held-out cells",
}
"""Columns that copies should not differ in, and how copies that do are described."""

_MAX_EXAMPLES = 3


def copies(table: pd.DataFrame, pictures: pd.Series) -> Iterator[Finding]:
    """Yield the findings on identical images, counted as pairs of cells.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit`, optional `fold` and `set`.
    pictures : Series of str
        Digest of each image, equal for identical images; index as in the table, missing where unknown.
    """
    groups = [table.loc[rows] for rows in identical(pictures)]
    yield from _within(groups)
    for column, code in (("patient", "A003"), ("fold", "A004"), ("set", "A005")):
        yield from _across(groups, column, code, table)
    yield from _labels(groups)


def pairs_apart(group: pd.DataFrame, column: str) -> int:
    """Number of pairs of cells that differ in a column; cells without a value are omitted."""
    sizes = group[column].value_counts().tolist()
    return comb(sum(sizes), 2) - sum(comb(size, 2) for size in sizes)


def _within(groups: list[pd.DataFrame]) -> Iterator[Finding]:
    affected = [group[group["patient"].duplicated(keep=False)] for group in groups]
    affected = [group for group in affected if len(group)]
    pairs = sum(comb(len(group), 2) - pairs_apart(group, "patient") for group in affected)
    if pairs:
        title = f"{count(pairs, 'pair')} of identical images of one patient"
        detail = f"{_examples(affected)}. Duplicates are counted twice in the patient's scores; remove the copies."
        yield finding_on("A002", "warning", title, detail, pd.concat(affected))


def _across(groups: list[pd.DataFrame], column: str, code: str, table: pd.DataFrame) -> Iterator[Finding]:
    affected = [group for group in groups if column in group and group[column].nunique() > 1]
    pairs = sum(pairs_apart(group, column) for group in affected)
    if pairs:
        rows = pd.concat(affected)
        units = list_names(list(rows["unit"].unique()), 8)
        counts = f"{count(table['patient'].nunique(), 'patient')} are {count(table['unit'].nunique(), 'split unit')}"
        advice = {
            "patient": f"These patients are linked in every split: {units}; {counts}",
            "fold": "Scores of the official folds are leaky; compare with --split patient, or --split official-linked",
            "set": "The held-out score is leaky; remove the patients from one of the two sets",
        }[column]
        title = f"{count(pairs, 'pair')} of identical images {APART[column]}"
        level: Level = "warning" if column == "patient" else "error"
        yield finding_on(code, level, title, f"{_examples(affected)}. {advice}.", rows)


def _labels(groups: list[pd.DataFrame]) -> Iterator[Finding]:
    affected = [group for group in groups if group["label"].nunique() > 1]
    if affected:
        first = affected[0].drop_duplicates("label")
        named = " and ".join(f"{row.cell} is {row.label}" for row in first.itertuples())
        more = f", and {len(affected) - 1} more" if len(affected) > 1 else ""
        detail = f"{named}{more}. Runs reject these cells; remove the wrong ones."
        title = f"{count(len(affected), 'image')} under two labels"
        yield finding_on("A006", "error", title, detail, pd.concat(affected))


def _examples(groups: list[pd.DataFrame]) -> str:
    named = [" = ".join(group["cell"].head(_MAX_EXAMPLES)) for group in groups[:_MAX_EXAMPLES]]
    more = len(groups) - len(named)
    return "; ".join(named) + (f"; and {count(more, 'image')} more" if more else "")
