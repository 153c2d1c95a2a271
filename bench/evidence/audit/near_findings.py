"""Findings on near-duplicates, and the patients they link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from bench.evidence.audit.findings import Finding, Level
from bench.evidence.text import count

if TYPE_CHECKING:
    from bench.evidence.audit.near_duplicates import NearDuplicate, NearDuplicates

CODES = ("A007", "A008")

_MAX_EXAMPLES = 3
_WHERE = {"fold": "in different official folds", "set": "in both the training and the held-out cells"}

Links = tuple[tuple[str, str], ...]


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
        detail = f"{_examples(within, table)}. Duplicates are counted twice in the patient's scores; remove the copies."
        findings.append(Finding("A007", "warning", title, detail, *_involved(within, table)))
    if across:
        findings.append(_across(across, apart, table))
    return findings, tuple((one, other) for one, other in sorted(links))


def _across(across: Sequence[NearDuplicate], apart: Sequence[NearDuplicate], table: pd.DataFrame) -> Finding:
    linked = len(across) - len(apart)
    split = {column: _split(across, table, column) for column in _WHERE}
    sides = "".join(f" {count(split[c], 'pair is', 'pairs are')} {_WHERE[c]}." for c in _WHERE if split[c])
    advice = (
        " Check them; write the patients to a file with bench audit --write-links FILE, and pass it to bench run "
        "--links."
        if apart
        else " These patients are linked already."
    )
    some_linked = f" Of {linked} of them the patients are linked already." if apart and linked else ""
    level: Level = "error" if apart or any(split.values()) else "warning"
    title = f"{count(len(across), 'pair')} of near-duplicates under different patients"
    detail = f"{_examples(apart or across, table)}.{sides}{some_linked}{advice}"
    return Finding("A008", level, title, detail, *_involved(across, table))


def _split(pairs: Sequence[NearDuplicate], table: pd.DataFrame, column: str) -> int:
    if column not in table:
        return 0
    side = table[column]
    known = side.notna()
    return sum(
        bool(known[pair.first] and known[pair.second] and side[pair.first] != side[pair.second]) for pair in pairs
    )


def _examples(pairs: Sequence[NearDuplicate], table: pd.DataFrame) -> str:
    cell = table["cell"]
    named = [
        f"{cell[pair.first]} ~ {cell[pair.second]} (similarity {pair.similarity:.2f})" for pair in pairs[:_MAX_EXAMPLES]
    ]
    more = len(pairs) - len(named)
    return "; ".join(named) + (f"; and {more:,} more" if more else "")


def _involved(pairs: Sequence[NearDuplicate], table: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    rows = table.loc[sorted({row for pair in pairs for row in (pair.first, pair.second)})]
    return tuple(rows["cell"]), tuple(dict.fromkeys(rows["patient"]))
