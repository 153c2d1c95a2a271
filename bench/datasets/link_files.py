"""Files of linked patients, written by the audit and read by `--links`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.datasets.canonical_names import canonical_text, known_spelling, matched_notice
from bench.datasets.links import count_notice, with_links
from bench.datasets.names import listed
from bench.datasets.readers.text_table import read_rows
from bench.datasets.table import Dataset
from bench.errors import BenchError
from bench.storage.csv_text import csv_text, read_back
from extractors.files.atomic import atomic_file

COLUMNS = ("patient_a", "patient_b")

_MARKER = "# bench audit"


def write_links(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write pairs of patients as CSV: a comment, then the columns `patient_a` and `patient_b`.

    Raises
    ------
    BenchError
        The file cannot be written.
    """
    try:
        with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            stream.write(f"{_MARKER}\n")
            writer.writerow(COLUMNS)
            writer.writerows((csv_text(one), csv_text(other)) for one, other in pairs)
    except OSError as error:
        raise BenchError(f"the links cannot be written to {path} ({error.strerror or error})") from error


def read_links(path: Path) -> list[tuple[str, str]]:
    """Read pairs of patients from a CSV or Parquet file with the columns `patient_a` and `patient_b`.

    Raises
    ------
    BenchError
        The file cannot be read or has no rows, or a field is empty; the message names file and row.
    """
    rows = read_rows(path, required=COLUMNS, comments=True)
    columns = [read_back(path, _MARKER, rows.columns[name]) for name in COLUMNS]
    pairs = []
    for index, ids in enumerate(zip(*columns, strict=True)):
        one, other = map(canonical_text, ids)
        if not one or not other:
            raise BenchError(f"{rows.at(index)}: each row names two patients, {' and '.join(COLUMNS)}")
        pairs.append((one, other))
    return pairs


def linked_by_file(dataset: Dataset, path: Path, pairs: Sequence[tuple[str, str]]) -> Dataset:
    """Link the patients that a file names; add notices.

    Parameters
    ----------
    dataset : Dataset
        Table of cells.
    path : Path
        Path of the file, for messages.
    pairs : sequence of pairs of str
        Content of the file, from `read_links`.

    Raises
    ------
    BenchError
        None of the named patients is in the dataset.
    """
    present = set(dataset.table["patient"])
    spelling = known_spelling((patient for pair in pairs for patient in pair), present)
    pairs = [(spelling.get(one, one), spelling.get(other, other)) for one, other in pairs]
    named = dict.fromkeys(patient for pair in pairs for patient in pair)
    absent = [patient for patient in named if patient not in present]
    if len(absent) == len(named):
        raise BenchError(f"{path}: {dataset.name} has none of its patients, such as {absent[0]!r}")
    table = with_links(dataset.table, pairs)
    matched = matched_notice(spelling, path)
    notices = [*dataset.notices, *([matched] if matched else [])]
    if absent:
        notices.append(f"{path} names patients that are not in the dataset: {listed(absent)}")
    if table["unit"].equals(dataset.table["unit"]):
        notices.append(f"{path} links no patients that were not linked already")
    else:
        notices.append(f"with {path}, {count_notice(table, 'share images or are named there')}")
    return replace(dataset, table=table, notices=tuple(notices))
