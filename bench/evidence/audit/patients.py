"""Patients: too few for the folds, one that dominates, several classes, several folds, ids that are confused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.evidence.audit.findings import Finding, Level, count, some

CODES = ("A009", "A010", "A011", "A012", "A013")

DOMINANT = 0.5
"""Share of a class's cells above which one patient decides what a cell-level score says of the class."""


def patients(table: pd.DataFrame, *, folds: int) -> Iterator[Finding]:
    """Findings on the table of patients; no image plays a part.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `label`, `patient`, `unit` and, where there are, `fold` and `set`.
    folds : int
        Outer folds that are wanted.
    """
    yield from _in_several(table)
    yield from confused_ids(table)
    yield from _too_few(table, folds)
    yield from _dominant(table)
    yield from _several_classes(table)


def confused_ids(table: pd.DataFrame) -> Iterator[Finding]:
    """A finding on ids that may be one person's: they differ in case, signs, zeros or letters in front of a number.

    `h3` and `H3`, `P-07` and `p7`, `11` and `H11` are told; `A11` and `H11` are not, since numbering each group anew
    under a letter of its own is how many labs count.
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
        yield _finding(
            "A010",
            "warning",
            f"{count(len(alike), 'group')} of patient ids that are easily confused",
            f"{some([' and '.join(same) for same in sorted(alike)])}. They are taken as different people; where "
            "they are one, give them one id.",
            table[table["patient"].isin([patient for same in alike for patient in same])],
        )


def _plain(patient: str) -> str:
    """An id in lower case, without signs and without zeros in front of its numbers."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]", "", patient.casefold()))


def _in_several(table: pd.DataFrame) -> Iterator[Finding]:
    for column, word in (("fold", "official folds"), ("set", "sets (training and held-out)")):
        if column not in table:
            continue
        several = table.groupby("patient")[column].nunique()
        names = [str(patient) for patient in several.index[several > 1]]
        if names:
            yield _finding(
                "A009",
                "error",
                f"{count(len(names), 'patient')} in several {word}",
                f"{some(names)}. A score across them is of patients seen in training; use --split patient.",
                table[table["patient"].isin(names)],
            )


def _too_few(table: pd.DataFrame, folds: int) -> Iterator[Finding]:
    units = table.groupby("label")["unit"].nunique()
    # The fold with the most patients of a class leaves at least two of them to train on: inner folds need as many.
    enough = (units >= folds) & (units - np.ceil(units / folds) >= 2)
    scarce = [str(label) for label in units.index[~enough]]
    if scarce:
        most = int(units.min())
        named = ", ".join(f"{label} has {units[label]}" for label in scarce)
        if most < 3:
            advice = "it takes at least 3 of each class, one to test and two for inner folds"
        else:
            advice = f"at most --folds {most} work here" if most < folds else f"--folds {most} works here"
        yield _finding(
            "A011",
            "error",
            f"too few patients of a class for {folds} folds",
            f"{named} (linked patients count once); {advice}.",
            table[table["label"].isin(scarce)],
        )


def _dominant(table: pd.DataFrame) -> Iterator[Finding]:
    for label, cells in table.groupby("label"):
        sizes = cells["patient"].value_counts()
        share = sizes.iloc[0] / len(cells)
        if share > DOMINANT:
            patient = str(sizes.index[0])
            yield _finding(
                "A012",
                "warning",
                f"patient {patient} holds {share:.0%} of the cells of {label}",
                f"{sizes.iloc[0]:,} of {len(cells):,} cells. Scores at the cell level say how well this one patient is "
                "recognised; read the patient-weighted ones.",
                cells[cells["patient"] == patient],
            )


def _several_classes(table: pd.DataFrame) -> Iterator[Finding]:
    labels = table.groupby("patient")["label"].nunique()
    names = [str(patient) for patient in labels.index[labels > 1]]
    if names:
        yield _finding(
            "A013",
            "note",
            f"{count(len(names), 'patient')} with cells of several classes",
            f"{some(names)}. That is right where the label belongs to the cell; where it belongs to the patient, two "
            "people share an id.",
            table[table["patient"].isin(names)],
        )


def _finding(code: str, level: Level, title: str, detail: str, rows: pd.DataFrame) -> Finding:
    return Finding(code, level, title, detail, patients=tuple(dict.fromkeys(rows["patient"])))
