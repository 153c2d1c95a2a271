"""Ids, labels and folds of a table of cells in their canonical form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from bench.datasets.canonical_names import (
    DOUBTFUL,
    MISSING,
    ROUNDED,
    canonical_text,
    joined_notice,
    name_key,
    one_spelling,
)
from bench.datasets.links import with_links
from bench.datasets.look_alikes import look_alikes
from bench.datasets.table import Dataset
from bench.errors import BenchError

_NEGATIVE = frozenset({"-", "none"})
"""Doubtful words that may be a negative label."""

_SETS = frozenset(
    {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "held-out", "heldout", "holdout"}
)
_NEGATIVE_NUMBER = re.compile(r"-[0-9]+")

_COLUMNS = {"label": "labels", "patient": "patient ids", "fold": "folds"}


def with_canonical_names(dataset: Dataset) -> Dataset:
    """Give each label, patient and fold one spelling; add notices that list what was joined.

    Raises
    ------
    BenchError
        A label or patient is a word that programs write for a missing value, such as `nan`, or a number that has lost
        digits, such as `2.02301E+11`; two names look the same in different alphabets; a label or fold is a word that
        may stand for a missing value, such as `NA`; a fold is negative or the name of a set.
    """
    table = dataset.table
    notices: list[str] = []
    for column in ("label", "patient"):
        _check_named(table, column)
    if "fold" in table:
        _check_folds(table)
    for column, what in _COLUMNS.items():
        if column not in table:
            continue
        _check_alphabets(table, column)
        spelling = one_spelling(table[column].dropna())
        if all(written == name for written, name in spelling.items()):
            continue
        table = table.assign(**{column: table[column].map(spelling).astype("str")})
        table = with_links(table, []) if column == "patient" else table
        notice = joined_notice(spelling, what)
        notices += [notice] if notice else []
    notices += _doubtful(table)
    return replace(dataset, table=table, notices=tuple(dict.fromkeys((*dataset.notices, *notices))))


def _check_named(table: pd.DataFrame, column: str) -> None:
    names = _distinct(table, column)
    missing = [name for name in names if name_key(name) in MISSING | {""}]
    _refuse(table, column, missing, f"stands for a missing value; correct the {column}, or leave these cells out")
    rounded = [name for name in names if ROUNDED.fullmatch(canonical_text(name))]
    why = f"is a number without its last digits, as spreadsheets write it; export the {column} as text"
    _refuse(table, column, rounded, why)
    if column == "label":
        doubtful = [name for name in names if name_key(name) in DOUBTFUL - _NEGATIVE]
        why = "may stand for a missing value; leave these cells out, or rename the label if it is a class"
        _refuse(table, column, doubtful, why)


def _check_alphabets(table: pd.DataFrame, column: str) -> None:
    if (pair := look_alikes(_distinct(table, column))) is not None:
        raise BenchError(
            f"the {column} is {pair[0]!a} for some cells and {pair[1]!a} for others, which look the same in "
            "different alphabets; write them in one alphabet if they are the same, or rename one"
        )


def _check_folds(table: pd.DataFrame) -> None:
    keys = {name: name_key(name) for name in _distinct(table, "fold")}
    missing = [name for name, key in keys.items() if key in MISSING | DOUBTFUL]
    _refuse(table, "fold", missing, "stands for a missing value; every training cell needs a fold, or none has one")
    negative = [name for name, key in keys.items() if _NEGATIVE_NUMBER.fullmatch(key)]
    why = "is no fold of the dataset; for cells that are never tested, -1 can be stated in a file for --folds-file"
    _refuse(table, "fold", negative, why)
    sets = [name for name, key in keys.items() if re.sub("[ _]", "-", key) in _SETS]
    why = "is the name of a set, not of a fold; state sets as train and held-out in the column 'set'"
    _refuse(table, "fold", sets, why)


def _distinct(table: pd.DataFrame, column: str) -> list[str]:
    return [str(name) for name in table[column].dropna().unique()]


def _refuse(table: pd.DataFrame, column: str, bad: Sequence[str], why: str) -> None:
    rows = table[table[column].isin(bad)]
    if len(rows):
        raise BenchError(
            f"the {column} of {len(rows)} cells, such as {rows['cell'].iloc[0]}, is {rows[column].iloc[0]!r}, "
            f"which {why}"
        )


def _doubtful(table: pd.DataFrame) -> Iterator[str]:
    # Without counts, so that a training set, a held-out set and both together give one notice.
    for patient in _distinct(table, "patient"):
        if name_key(patient) in DOUBTFUL:
            yield f"the cells of {patient!r} count as one patient; if these are unknown patients, leave them out"
    for label in _distinct(table, "label"):
        if name_key(label) in _NEGATIVE:
            yield f"the label {label!r} is a class; if it stands for an unknown label, leave its cells out"
