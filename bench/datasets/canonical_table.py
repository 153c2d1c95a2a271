"""Ids, labels and folds of a table of cells in their canonical form."""

from __future__ import annotations

from collections.abc import Iterator
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
from bench.datasets.table import Dataset
from bench.errors import BenchError

_COLUMNS = {"label": "labels", "patient": "patient ids", "fold": "folds"}


def with_canonical_names(dataset: Dataset) -> Dataset:
    """Give each label, patient and fold one spelling; add notices that list what was joined.

    Raises
    ------
    BenchError
        A label or patient is a word that programs write for a missing value, such as `nan`, or a number that has lost
        digits, such as `2.02301E+11`.
    """
    table = dataset.table
    notices: list[str] = []
    for column in ("label", "patient"):
        _check_named(table, column)
    for column, what in _COLUMNS.items():
        if column not in table:
            continue
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
    names = [str(name) for name in table[column].unique()]
    missing = [name for name in names if name_key(name) in MISSING | {""}]
    rounded = [name for name in names if ROUNDED.fullmatch(canonical_text(name))]
    for bad, what in (
        (missing, f"stands for a missing value; correct the {column}, or leave these cells out"),
        (rounded, f"is a number without its last digits, as spreadsheets write it; export the {column} as text"),
    ):
        rows = table[table[column].isin(bad)]
        if len(rows):
            raise BenchError(
                f"the {column} of {len(rows)} cells, such as {rows['cell'].iloc[0]}, is {rows[column].iloc[0]!r}, "
                f"which {what}"
            )


def _doubtful(table: pd.DataFrame) -> Iterator[str]:
    for patient, cells in table["patient"].value_counts().items():
        if name_key(str(patient)) in DOUBTFUL:
            yield f"{cells} cells of {patient!r} count as one patient; if these are unknown patients, leave them out"
