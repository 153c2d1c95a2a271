"""Fold manifests: the test fold of each patient as a table, and its file format."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.datasets.canonical_names import canonical_text, known_spelling, matched_notice, name_key
from bench.datasets.names import listed
from bench.datasets.readers.text_table import Rows, read_rows
from bench.errors import BenchError, shortened
from bench.splits.folds import Indices
from bench.storage.csv_text import read_back, write_csv
from bench.storage.fingerprints import digest
from bench.storage.parquet_files import MAX_BYTES
from extractors.files.atomic import atomic_file
from extractors.files.regular import open_regular

NEVER_TESTED = -1
"""Fold of cells that are only used for training, such as all cells of `--data` with a held-out set."""

VALIDATION = -2
"""Fold of cells that are neither trained on nor tested: in place of inner folds, choices are made on them."""

_MARKER = "# folds "
_HASH = re.compile(_MARKER + "([0-9a-f]{64})")


@dataclass(frozen=True)
class Folds:
    """Folds shared by all experiments on a dataset.

    Parameters
    ----------
    table : DataFrame
        One row per cell and repeat, columns `cell`, `patient`, `unit` (str), `repeat`, `fold` (int; -1: never tested;
        -2: validation cells). Each repeat contains the cells in the order of the dataset.
    violations : tuple of str
        Causes of leakage; empty for patient-grouped folds.
    notices : tuple of str
        Messages for the user.
    leaves_out : bool
        Whether cells of split units in the test fold are removed from the training cells.
    published : bool
        Whether they follow a published protocol (`bench reproduce`) instead of the options of a run.
    chosen_on_test : bool
        Whether epochs, parameters and thresholds are chosen on the test cells, as in some published protocols.
    """

    table: pd.DataFrame
    violations: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    leaves_out: bool = False
    published: bool = False
    chosen_on_test: bool = False

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the table, and of `chosen_on_test` where it is set."""
        table = digest(self.table.to_dict(orient="list"))
        return digest([table, "chosen on test"]) if self.chosen_on_test else table

    @cached_property
    def repeat_hashes(self) -> tuple[str, ...]:
        """SHA-256 of the folds of each repeat, in order; experiments share the leading repeats with equal ones."""
        return tuple(digest(part.to_dict(orient="list")) for _, part in self.table.groupby("repeat", sort=True))

    @property
    def count(self) -> int:
        """Number of folds per repeat."""
        tested = self.table["fold"].to_numpy()
        return len(np.unique(tested[tested >= 0]))

    @property
    def repeats(self) -> int:
        """Number of repeats."""
        return int(self.table["repeat"].nunique())

    def splits(self) -> Iterator[tuple[int, int, Indices, Indices]]:
        """Yield repeat, fold, training positions and test positions."""
        for repeat, part in self.table.groupby("repeat", sort=True):
            fold_of = part["fold"].to_numpy()
            unit_of = pd.factorize(part["unit"])[0]
            for fold in np.unique(fold_of[fold_of >= 0]):
                tested = fold_of == fold
                trained = ~np.isin(unit_of, unit_of[tested]) if self.leaves_out else ~tested
                trained &= fold_of != VALIDATION
                yield int(str(repeat)), int(fold), np.flatnonzero(trained), np.flatnonzero(tested)

    def validation(self, repeat: int, fold: int) -> Indices | None:
        """Return the positions of the cells on which choices are made; None: on inner folds of the training cells."""
        fold_of = self.table.loc[self.table["repeat"] == repeat, "fold"].to_numpy()
        rows = np.flatnonzero(fold_of == VALIDATION)
        if len(rows):
            return rows
        return np.flatnonzero(fold_of == fold) if self.chosen_on_test else None


def manifest_of(table: pd.DataFrame, assigned: Mapping[int, Indices]) -> pd.DataFrame:
    """Build the table of `Folds` from the fold of each cell in each repeat.

    Parameters
    ----------
    table : DataFrame
        Columns `cell`, `patient`, `unit`.
    assigned : mapping of int to ndarray of int, shape (n_cells,)
        Repeat to folds.
    """
    cells = table[["cell", "patient", "unit"]].reset_index(drop=True)
    parts = [cells.assign(repeat=repeat, fold=fold.astype(int)) for repeat, fold in assigned.items()]
    return pd.concat(parts, ignore_index=True)


def write_folds(folds: Folds, path: Path) -> None:
    """Write a manifest as CSV: a comment with its hash, then `patient, unit, repeat, fold`.

    Where cells of a patient are in several folds of a repeat: `cell, patient, unit, repeat, fold`.

    Raises
    ------
    BenchError
        The file cannot be written.
    """
    by_patient = folds.table.groupby(["patient", "repeat"])["fold"].nunique().max() == 1
    columns = [*([] if by_patient else ["cell"]), "patient", "unit", "repeat", "fold"]
    rows = folds.table[columns].drop_duplicates().sort_values(["repeat", "unit", *columns[: 1 if by_patient else 2]])
    try:
        with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(f"{_MARKER}{folds.hash}\n")
            write_csv(rows, file, line_end="\n")
    except OSError as error:
        raise BenchError(f"{path}: the folds cannot be written ({error.strerror or error})") from error


def read_folds(path: Path, table: pd.DataFrame) -> Folds:
    """Read a fold manifest for the cells of a dataset, written by `write_folds` or by hand.

    Columns `patient` and `fold`, optional `repeat` (default 0) and `cell` (one row per cell instead of one per
    patient); others are ignored. Fold -1: never tested.

    Parameters
    ----------
    path : Path
        CSV or Parquet file; leading lines that start with `#` are skipped.
    table : DataFrame
        Columns `cell`, `patient`, `unit`; every patient (cell) must occur once in each repeat.

    Returns
    -------
    Folds
        The hash equals that of the written folds if cells, patients and split units are equal; otherwise there is a
        notice.

    Raises
    ------
    BenchError
        Unknown, missing or duplicate patients or cells, a cell with another patient than in the dataset, an invalid
        number, or repeats with different numbers of folds; the message names the file.
    """
    rows = read_rows(path, required=("patient", "fold"), optional=("repeat", "cell"), comments=True)
    column = "cell" if "cell" in rows.columns else "patient"
    named = {name: read_back(path, _MARKER, rows.columns[name]) for name in {column, "patient"}}
    wanted = table[column].to_numpy().astype(str)
    spelling = known_spelling(named[column], wanted.tolist())
    names = [spelling.get(name, name) for name in named[column]]
    repeats = _integers(rows, "repeat", least=0) if "repeat" in rows.columns else [0] * len(rows)
    folds = _integers(rows, "fold", least=NEVER_TESTED)
    fold_by_name: dict[int, dict[str, int]] = {repeat: {} for repeat in sorted(set(repeats))}
    first: dict[tuple[int, str], int] = {}
    for index, (name, repeat, fold) in enumerate(zip(names, repeats, folds, strict=True)):
        other = first.setdefault((repeat, name), index)
        if other != index:
            where = f"in two folds ({folds[other]} and {fold}) of" if folds[other] != fold else "twice in"
            raise BenchError(f"{rows.at(index)}: the {column} {shortened(name)!r} is {where} repeat {repeat}")
        fold_by_name[repeat][name] = fold
    _check_names(rows, column, wanted, fold_by_name)
    if column == "cell":
        _check_patients(rows, names, named["patient"], table)
    assigned = {r: np.array([fold_of[name] for name in wanted], dtype=np.intp) for r, fold_of in fold_by_name.items()}
    _check_counts(path, assigned)
    read = Folds(manifest_of(table, assigned))
    matched = matched_notice(spelling, path)
    return replace(read, notices=(*([matched] if matched else []), *_other_hash(path, read.hash)))


def _integers(rows: Rows, column: str, *, least: int) -> list[int]:
    numbers = []
    for index, text in enumerate(rows.columns[column]):
        number = canonical_text(text)
        if re.fullmatch(r"-?[0-9]{1,9}", number) is None or int(number) < least:
            raise BenchError(
                f"{rows.at(index)}: {column!r} is {shortened(text)!r}; expected an integer of at least {least}"
            )
        numbers.append(int(number))
    return numbers


def _check_names(
    rows: Rows, column: str, wanted: npt.NDArray[np.str_], fold_by_name: Mapping[int, Mapping[str, int]]
) -> None:
    known = set(wanted.tolist())
    for repeat, fold_of in fold_by_name.items():
        unknown, missing = sorted(fold_of.keys() - known), sorted(known - fold_of.keys())
        if unknown:
            raise BenchError(f"{rows.file}: repeat {repeat} names {_some(unknown, column)} that are not in the data")
        if missing:
            raise BenchError(
                f"{rows.file}: repeat {repeat} lacks {_some(missing, column)} of the data; use -1 for untested ones"
            )


def _check_patients(rows: Rows, cells: Sequence[str], patients: Sequence[str], table: pd.DataFrame) -> None:
    patient_of = dict(zip(table["cell"].astype(str), table["patient"].astype(str), strict=True))
    for index, (cell, patient) in enumerate(zip(cells, patients, strict=True)):
        if name_key(patient) != name_key(patient_of[cell]):
            raise BenchError(
                f"{rows.at(index)}: the patient of the cell {shortened(cell)!r} is {shortened(patient)!r}, but "
                f"{patient_of[cell]!r} in the data; the file was written for other data, or one of the two is wrong"
            )


def _check_counts(path: Path, assigned: Mapping[int, Indices]) -> None:
    counts = {repeat: len(np.unique(fold[fold != NEVER_TESTED])) for repeat, fold in assigned.items()}
    if min(counts.values()) == 0:
        raise BenchError(f"{path}: repeat {min(counts, key=counts.__getitem__)} has no test patients, every fold is -1")
    if len(set(counts.values())) > 1:
        names_text = ", ".join(f"repeat {repeat} has {count}" for repeat, count in counts.items())
        raise BenchError(f"{path}: every repeat needs the same number of folds; {names_text}")
    for repeat, fold in assigned.items():
        if counts[repeat] == 1 and (fold != NEVER_TESTED).all():
            raise BenchError(f"{path}: repeat {repeat} has one fold with all patients, so none are left for training")


def _other_hash(path: Path, ours: str) -> tuple[str, ...]:
    if path.suffix.lower() == ".parquet":
        return ()
    with open_regular(path, limit=MAX_BYTES) as file:
        written = _HASH.match(file.readline(200).decode("utf-8-sig", errors="replace"))
    if written is None or written[1] == ours:
        return ()
    return (
        f"{path} was written for other cells or changed afterwards: its hash is {written[1][:12]}, that of these folds "
        f"{ours[:12]}",
    )


def _some(names: list[str], word: str) -> str:
    return f"{len(names)} {word}{'s' if len(names) > 1 else ''} ({listed(names)})"
