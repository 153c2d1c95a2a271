"""Identical images: within a patient, across patients, folds and sets, and under two labels."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import pandas as pd

from bench.datasets.duplicates import identical
from bench.evidence.audit.findings import Finding, Level, count, some

CODES = ("A002", "A003", "A004", "A005", "A006")

_NAMED = 3


def copies(table: pd.DataFrame, pictures: pd.Series) -> Iterator[Finding]:
    """Findings on identical images; they are counted as pairs of cells.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit` and, where there are, `fold` and `set`.
    pictures : Series of str
        A digest that identical images share, index as in the table; missing where it is not known.
    """
    groups = [table.loc[rows] for rows in identical(pictures)]
    yield from _within(groups)
    yield from _across_patients(groups, table)
    yield from _across(groups, "fold", "A004", "in different official folds")
    yield from _across(groups, "set", "A005", "in both the training and the held-out cells")
    yield from _labels(groups)


def pairs_apart(group: pd.DataFrame, column: str) -> int:
    """Pairs of a group's cells that differ in a column; cells without a value take no part."""
    sizes = group[column].value_counts().tolist()
    return comb(sum(sizes), 2) - sum(comb(size, 2) for size in sizes)


def _within(groups: list[pd.DataFrame]) -> Iterator[Finding]:
    here = [group[group["patient"].duplicated(keep=False)] for group in groups]
    here = [group for group in here if len(group)]
    pairs = sum(comb(len(group), 2) - pairs_apart(group, "patient") for group in here)
    if pairs:
        yield _finding(
            "A002",
            "warning",
            f"{count(pairs, 'pair')} of identical images of one patient",
            f"{_examples(here)}. Such a patient's scores count one look twice; remove the copies.",
            here,
        )


def _across_patients(groups: list[pd.DataFrame], table: pd.DataFrame) -> Iterator[Finding]:
    here = [group for group in groups if group["patient"].nunique() > 1]
    pairs = sum(pairs_apart(group, "patient") for group in here)
    if pairs:
        units = list(dict.fromkeys(pd.concat(here)["unit"]))
        yield _finding(
            "A003",
            "warning",
            f"{count(pairs, 'pair')} of identical images under different patients",
            f"{_examples(here)}. These patients are linked in every split: {some(units, 8)}; "
            f"{count(table['patient'].nunique(), 'patient')} are {count(table['unit'].nunique(), 'split unit')}.",
            here,
        )


def _across(groups: list[pd.DataFrame], column: str, code: str, where: str) -> Iterator[Finding]:
    here = [group for group in groups if column in group and group[column].nunique() > 1]
    pairs = sum(pairs_apart(group, column) for group in here)
    if pairs:
        advice = (
            "Scores of the official folds are leaky; compare with --split patient, or --split official-linked"
            if column == "fold"
            else "The held-out score is leaky; take the patients out of one of the two"
        )
        yield _finding(
            code, "error", f"{count(pairs, 'pair')} of identical images {where}", f"{_examples(here)}. {advice}.", here
        )


def _labels(groups: list[pd.DataFrame]) -> Iterator[Finding]:
    here = [group for group in groups if group["label"].nunique() > 1]
    if here:
        first = here[0].drop_duplicates("label")
        named = " and ".join(f"{row.cell} is {row.label}" for row in first.itertuples())
        yield _finding(
            "A006",
            "error",
            f"{count(len(here), 'image')} under two labels",
            f"{named}{f', and {len(here) - 1} more' if len(here) > 1 else ''}. A run refuses these cells; "
            "remove the wrong ones.",
            here,
        )


def _examples(groups: list[pd.DataFrame]) -> str:
    named = [" = ".join(group["cell"].head(_NAMED)) for group in groups[:_NAMED]]
    more = len(groups) - len(named)
    return "; ".join(named) + (f"; and {count(more, 'image')} more" if more else "")


def _finding(code: str, level: Level, title: str, detail: str, groups: list[pd.DataFrame]) -> Finding:
    cells = pd.concat(groups)
    return Finding(code, level, title, detail, tuple(cells["cell"]), tuple(dict.fromkeys(cells["patient"])))
