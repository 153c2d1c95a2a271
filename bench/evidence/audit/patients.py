"""Findings on patients: too few, dominating, several classes, several folds, similar ids."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.evidence.audit.findings import Finding, Level
from bench.evidence.text import count, list_names

DOMINANT = 0.5
"""Share of the cells of a class above which one patient dominates cell-level scores."""


def patients(table: pd.DataFrame, *, folds: int) -> Iterator[Finding]:
    """Yield the findings on the table of patients, without images.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit`, optional `fold` and `set`.
    folds : int
        Planned number of outer folds.
    """
    yield from _in_several(table)
    yield from confused_ids(table)
    yield from _too_few(table, folds)
    yield from _dominant(table)
    yield from _several_classes(table)


def confused_ids(table: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding on ids that may belong to one patient: they differ in case, signs, zeros or leading letters.

    `h3` and `H3`, `P-07` and `p7`, `11` and `H11` are reported; `A11` and `H11` are not, because many labs number each
    group separately with a letter of its own.
    """
    of_id: dict[str, list[str]] = {}
    for patient in sorted(set(table["patient"])):
        of_id.setdefault(_plain(patient), []).append(patient)
    alike = [tuple(same) for same in of_id.values() if len(same) > 1]
    for plain, same in of_id.items():
        bare = re.fullmatch(r"[a-z]+(\d+)", plain)
        if bare and bare[1] in of_id:
            alike.append((of_id[bare[1]][0], same[0]))
    if alike:
        named = list_names([" and ".join(same) for same in sorted(alike)])
        title = f"{count(len(alike), 'group')} of patient ids that are easily confused"
        detail = f"{named}. They count as different patients; if they are one, use one id."
        rows = table[table["patient"].isin([patient for same in alike for patient in same])]
        yield _finding("A010", "warning", title, detail, rows)


def _plain(patient: str) -> str:
    """Normalise an id: lower case, no signs, no leading zeros."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]", "", patient.casefold()))


def _in_several(table: pd.DataFrame) -> Iterator[Finding]:
    for column, word in (("fold", "official folds"), ("set", "sets (training and held-out)")):
        if column not in table:
            continue
        if names := _with_several(table, column):
            title = f"{count(len(names), 'patient')} in several {word}"
            detail = f"{list_names(names)}. A score across them includes training patients; use --split patient."
            yield _finding("A009", "error", title, detail, table[table["patient"].isin(names)])


def _too_few(table: pd.DataFrame, folds: int) -> Iterator[Finding]:
    units = table.groupby("label")["unit"].nunique()
    # The fold with the most test patients of a class must leave at least two for the inner folds.
    enough = (units >= folds) & (units - np.ceil(units / folds) >= 2)
    scarce = [str(label) for label in units.index[~enough]]
    if scarce:
        most = int(units.min())
        named = ", ".join(f"{label} has {units[label]}" for label in scarce)
        if most < 3:
            advice = "at least 3 of each class are needed, one for testing and two for inner folds"
        else:
            advice = f"at most --folds {most} work here" if most < folds else f"--folds {most} works here"
        title = f"too few patients of a class for {folds} folds"
        detail = f"{named} (linked patients count once); {advice}."
        yield _finding("A011", "error", title, detail, table[table["label"].isin(scarce)])


def _dominant(table: pd.DataFrame) -> Iterator[Finding]:
    for label, cells in table.groupby("label"):
        sizes = cells["patient"].value_counts()
        share = sizes.iloc[0] / len(cells)
        if share > DOMINANT:
            patient = str(sizes.index[0])
            title = f"patient {patient} holds {share:.0%} of the cells of {label}"
            advice = "Cell-level scores mostly reflect this patient; use patient-weighted ones."
            detail = f"{sizes.iloc[0]:,} of {len(cells):,} cells. {advice}"
            yield _finding("A012", "warning", title, detail, cells[cells["patient"] == patient])


def _several_classes(table: pd.DataFrame) -> Iterator[Finding]:
    if names := _with_several(table, "label"):
        title = f"{count(len(names), 'patient')} with cells of several classes"
        advice = "This is correct for labels of cells; for labels of patients, two patients share an id."
        yield _finding("A013", "note", title, f"{list_names(names)}. {advice}", table[table["patient"].isin(names)])


def _with_several(table: pd.DataFrame, column: str) -> list[str]:
    """Patients whose cells differ in a column."""
    numbers = table.groupby("patient")[column].nunique()
    return [str(patient) for patient in numbers.index[numbers > 1]]


def _finding(code: str, level: Level, title: str, detail: str, rows: pd.DataFrame) -> Finding:
    return Finding(code, level, title, detail, patients=tuple(dict.fromkeys(rows["patient"])))
