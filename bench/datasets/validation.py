"""Checks of a reader's table and of the scanned cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from bench.datasets.classes import with_positive_class
from bench.datasets.held_out import HELD_OUT, SET
from bench.datasets.links import count_notice
from bench.datasets.names import listed
from bench.datasets.scanning.scan import Problem, Scan
from bench.datasets.table import Dataset
from bench.errors import BenchError

_MAX_PROBLEMS = 10
_LEADING_ZEROS = re.compile(r"(?<![0-9.])0+(?=[0-9])")


def check_table(dataset: Dataset) -> None:
    """Check the table that a reader returns.

    Raises
    ------
    BenchError
        A column or value is missing, the index is not 0..n-1, or a cell occurs twice.
    """
    table, reader = dataset.table, f"the {dataset.reader} reader"
    missing = [name for name in Dataset.COLUMNS if name not in table]
    if missing:
        raise BenchError(f"{reader} returns a table without the columns {', '.join(missing)}")
    if not table.index.equals(pd.RangeIndex(len(table))):
        raise BenchError(f"{reader} returns a table whose index is not 0..n-1")
    for name in ("cell", "path", "label", "patient", "unit", *(["fold"] if "fold" in table else [])):
        empty = table[name].isna() | (table[name] == "")
        if name == "fold" and SET in table:
            empty &= table[SET] != HELD_OUT
        if empty.any():
            raise BenchError(f"{reader} returns a table with an empty {name} in row {int(empty.to_numpy().argmax())}")
    repeated = table["cell"].duplicated()
    if repeated.any():
        raise BenchError(f"{reader} returns the cell {table['cell'][repeated].iloc[0]} twice")


def with_patient_notices(dataset: Dataset) -> Dataset:
    """Add notices of linked patients, patients with several classes and ids that differ only in leading zeros."""
    doubts = _doubtful_patients(dataset.table) if dataset.grouping == "patient" else ()
    notices = (count_notice(dataset.table), *doubts)
    return replace(dataset, notices=dataset.notices + tuple(notice for notice in notices if notice))


def without_unreadable(dataset: Dataset, scan: Scan, *, skip: bool) -> tuple[Dataset, Scan]:
    """Refuse or drop unreadable cells.

    Parameters
    ----------
    dataset : Dataset
        Table of cells.
    scan : Scan
        Scan of these cells.
    skip : bool
        Drop unreadable cells and add notices, instead of raising an error.

    Returns
    -------
    dataset : Dataset
        Readable cells, index 0..n-1.
    scan : Scan
        Scan of the readable cells.

    Raises
    ------
    BenchError
        A cell is unreadable and `skip` is False, or fewer than two classes remain.
    """
    if not scan.problems:
        return dataset, scan
    count = f"{len(scan.problems)} cell{'s' if len(scan.problems) > 1 else ''}"
    if not skip:
        raise BenchError(
            f"{count} cannot be read; repair or remove them, or leave them out with "
            f"--skip-unreadable:\n{_listed_problems(scan.problems)}"
        )
    rows = [problem.row for problem in scan.problems]
    table = dataset.table.drop(index=rows).reset_index(drop=True)
    lost = sorted(set(dataset.table["patient"]) - set(table["patient"]))
    notices = [f"left out as unreadable: {count}\n{_listed_problems(scan.problems)}"]
    if lost:
        notices.append(f"patients without a readable cell: {listed(lost, 20)}")
    readable = replace(dataset, table=table, notices=(*dataset.notices, *notices))
    readable = with_positive_class(readable, f"{dataset.name}, without its unreadable cells,")
    return readable, Scan(scan.table.drop(index=rows).reset_index(drop=True))


def _doubtful_patients(table: pd.DataFrame) -> Iterator[str]:
    labels = table.groupby("patient")["label"].nunique()
    several = [str(patient) for patient in labels.index[labels > 1]]
    if several:
        count = f"{len(several)} patient{'s' if len(several) > 1 else ''}"
        yield (
            f"{count} ({listed(several)}) with cells of several classes: each id is treated as one patient; if two "
            "patients share an id, rename one of them"
        )
    without_zeros: dict[str, list[str]] = {}
    for patient in labels.index:
        without_zeros.setdefault(_LEADING_ZEROS.sub("", str(patient)), []).append(str(patient))
    twins = [" and ".join(ids) for ids in without_zeros.values() if len(ids) > 1]
    if twins:
        yield f"patient ids that differ only in leading zeros are treated as different patients: {listed(twins)}"


def _listed_problems(problems: Sequence[Problem]) -> str:
    lines = [f"  {problem.path}: {problem.reason}" for problem in problems[:_MAX_PROBLEMS]]
    more = len(problems) - len(lines)
    return "\n".join([*lines, f"  and {more} more"] if more else lines)
