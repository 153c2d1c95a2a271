"""Findings on identical images and near-duplicates: within a patient, across patients, folds, sets and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import TYPE_CHECKING

import pandas as pd

from bench.datasets.duplicates import identical
from bench.evidence.audit.findings import Finding, Level, finding_on
from bench.evidence.text import count, list_names

if TYPE_CHECKING:
    from bench.evidence.audit.near_duplicates import NearDuplicate, NearDuplicates

APART = {
    "patient": "under different patients",
    "fold": "in different official folds",
    "set": "in both the training and the held-out cells",
}
"""Columns that copies should not differ in, and how copies that do are described."""

_COUNTED_TWICE = "Duplicates are counted twice in the patient's scores; remove the copies."
_MAX_EXAMPLES = 3

Links = tuple[tuple[str, str], ...]


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


def near_findings(near: NearDuplicates, table: pd.DataFrame) -> tuple[list[Finding], Links]:
    """Create the findings on near-duplicates, and the pairs of unlinked patients they link.

    Parameters
    ----------
    near : NearDuplicates
        Pairs of table rows.
    table : DataFrame
        Columns `cell`, `patient`, `unit`, `label`, optional `fold` and `set`; index 0..n-1.
    """
    patient, unit = table["patient"].to_numpy(), table["unit"].to_numpy()
    within = [pair for pair in near.pairs if patient[pair.first] == patient[pair.second]]
    across = [pair for pair in near.pairs if patient[pair.first] != patient[pair.second]]
    apart = [pair for pair in across if unit[pair.first] != unit[pair.second]]
    links = {tuple(sorted((str(patient[pair.first]), str(patient[pair.second])))) for pair in apart}
    findings = []
    if within:
        title = f"{count(len(within), 'pair')} of near-duplicates of one patient"
        detail = f"{_near_examples(within, table)}. {_COUNTED_TWICE}"
        findings.append(finding_on("A007", "warning", title, detail, _involved(within, table)))
    if across:
        findings.append(_near_across(across, apart, table))
    return findings, tuple((one, other) for one, other in sorted(links))


def _within(groups: list[pd.DataFrame]) -> Iterator[Finding]:
    affected = [group[group["patient"].duplicated(keep=False)] for group in groups]
    affected = [group for group in affected if len(group)]
    pairs = sum(comb(len(group), 2) - pairs_apart(group, "patient") for group in affected)
    if pairs:
        title = f"{count(pairs, 'pair')} of identical images of one patient"
        detail = f"{_examples(affected)}. {_COUNTED_TWICE}"
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


def _near_across(across: Sequence[NearDuplicate], apart: Sequence[NearDuplicate], table: pd.DataFrame) -> Finding:
    linked = len(across) - len(apart)
    split = {column: _divided(across, table, column) for column in ("fold", "set")}
    sides = "".join(f" {count(n, 'pair is', 'pairs are')} {APART[column]}." for column, n in split.items() if n)
    advice = (
        " Check them; write the patients to a file with bench audit --write-links FILE, and pass it to bench run "
        "--links."
        if apart
        else " These patients are linked already."
    )
    some_linked = f" Of {linked} of them the patients are linked already." if apart and linked else ""
    level: Level = "error" if apart or any(split.values()) else "warning"
    title = f"{count(len(across), 'pair')} of near-duplicates under different patients"
    detail = f"{_near_examples(apart or across, table)}.{sides}{some_linked}{advice}"
    return finding_on("A008", level, title, detail, _involved(across, table))


def _divided(pairs: Sequence[NearDuplicate], table: pd.DataFrame, column: str) -> int:
    if column not in table:
        return 0
    side = table[column]
    known = side.notna()
    return sum(
        bool(known[pair.first] and known[pair.second] and side[pair.first] != side[pair.second]) for pair in pairs
    )


def _near_examples(pairs: Sequence[NearDuplicate], table: pd.DataFrame) -> str:
    cell = table["cell"]
    named = [
        f"{cell[pair.first]} ~ {cell[pair.second]} (similarity {pair.similarity:.2f})" for pair in pairs[:_MAX_EXAMPLES]
    ]
    more = len(pairs) - len(named)
    return "; ".join(named) + (f"; and {more:,} more" if more else "")


def _involved(pairs: Sequence[NearDuplicate], table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[sorted({row for pair in pairs for row in (pair.first, pair.second)})]
