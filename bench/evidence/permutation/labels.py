"""Labels that a permutation test moves: those of patients, or those of cells within patients."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.evidence.text import count, list_names
from bench.statistics.arrays import Codes, Values

MIN_MOVED = 5
"""Minimum number of split units whose labels move: with two cells each, 4 have 16 permutations, so that no p-value is
below 1/16, and 5 have 32."""


@dataclass(frozen=True)
class UnitLabels:
    """Labels of split units, permuted between the units; the cells of a unit move together.

    Parameters
    ----------
    units : ndarray of str, shape (n_units,)
        Sorted split units.
    labels : ndarray of str, shape (n_units,)
        Label of each unit.
    unit_of : ndarray of int, shape (n_cells,)
        Index of each cell's unit.
    patients : int
        Number of patients.
    """

    units: Values
    labels: Values
    unit_of: Codes
    patients: int

    @property
    def moved(self) -> int:
        """Number of patients whose labels are permuted: all."""
        return self.patients

    @property
    def fixed(self) -> int:
        """Number of patients whose labels are not permuted: none."""
        return 0

    @property
    def counts(self) -> dict[str, int]:
        """Number of split units of each class."""
        return _counts(self.labels)

    @property
    def possible(self) -> int:
        """Number of distinct label assignments including the true one: C(P, P1), multinomial for more classes."""
        return _multinomial(self.counts)

    def arrangements(self) -> Iterator[Values]:
        """Yield all distinct label assignments, shape (n_units,)."""
        return map(np.array, arrangements(self.counts))

    def permuted(self, rng: np.random.Generator) -> Values:
        """Return a random label assignment, shape (n_units,)."""
        return rng.permutation(self.labels)

    def of_cells(self, labels: Values) -> Values:
        """Return the label of each cell, shape (n_cells,), under a label assignment."""
        labels_of_cells: Values = labels[self.unit_of]
        return labels_of_cells


@dataclass(frozen=True)
class CellLabels:
    """Labels of cells, permuted within the patients that have cells of several classes; other labels are fixed.

    Parameters
    ----------
    labels : ndarray of str, shape (n_cells,)
        Label of each cell.
    units : ndarray of str, shape (n_cells,)
        Split unit of each cell.
    rows : tuple of ndarray of int
        Cells of each patient with several classes.
    fixed : int
        Number of patients with one class, whose labels are not permuted.
    """

    labels: Values
    units: Values
    rows: tuple[Codes, ...]
    fixed: int

    @property
    def moved(self) -> int:
        """Number of patients whose labels are permuted."""
        return len(self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """Number of split units with cells of each class; a unit with several classes counts for each."""
        return {str(c): len(np.unique(self.units[self.labels == c])) for c in np.unique(self.labels)}

    @property
    def possible(self) -> int:
        """Number of distinct label assignments including the true one: product over patients of C(n, n1)."""
        return math.prod(_multinomial(_counts(self.labels[rows])) for rows in self.rows)

    def arrangements(self) -> Iterator[Values]:
        """Yield all distinct label assignments, shape (n_cells,)."""
        per_patient = (list(arrangements(_counts(self.labels[rows]))) for rows in self.rows)
        for assigned in itertools.product(*per_patient):
            labels = self.labels.copy()
            for rows, row_labels in zip(self.rows, assigned, strict=True):
                labels[rows] = row_labels
            yield labels

    def permuted(self, rng: np.random.Generator) -> Values:
        """Return a random label assignment, shape (n_cells,)."""
        labels = self.labels.copy()
        for rows in self.rows:
            labels[rows] = rng.permutation(labels[rows])
        return labels

    def of_cells(self, labels: Values) -> Values:
        """Return the label of each cell, shape (n_cells,), under a label assignment: the assignment itself."""
        return labels


def unit_labels(table: pd.DataFrame) -> UnitLabels:
    """Return the label of each split unit.

    Parameters
    ----------
    table : DataFrame
        Columns `patient`, `unit` and `label`; one row per cell.

    Raises
    ------
    BenchError
        A patient has cells of several classes, or a split unit links patients of different classes.
    """
    if names := _with_several_classes(table, "patient"):
        raise BenchError(
            f"{len(names)} of {count(table['patient'].nunique(), 'patient')} have cells of several classes "
            f"(such as {names[0]}), so labels cannot be permuted between patients"
        )
    if names := _with_several_classes(table, "unit"):
        linked = sorted(table.loc[table["unit"] == names[0], "patient"].unique())
        raise BenchError(
            f"{count(len(names), 'split unit')} of linked patients {'has' if len(names) == 1 else 'have'} no single "
            f"label to permute, such as the one of {list_names(linked)}, whose classes differ; correct the labels, or "
            "remove the images or the links that join these patients (bench audit)"
        )
    units, first, unit_of = np.unique(table["unit"].to_numpy().astype(str), return_index=True, return_inverse=True)
    return UnitLabels(units, table["label"].to_numpy().astype(str)[first], unit_of, int(table["patient"].nunique()))


def permutable_labels(table: pd.DataFrame) -> UnitLabels | CellLabels:
    """Return the labels that a permutation test moves.

    If every patient has cells of one class, the label belongs to the patient and is permuted between split units. If
    patients have cells of several classes, the label belongs to the cell and is permuted within these patients.

    Parameters
    ----------
    table : DataFrame
        Columns `patient`, `unit` and `label`; one row per cell.

    Raises
    ------
    BenchError
        Fewer than `MIN_MOVED` split units contain a patient with cells of several classes, but some do; or a split unit
        links patients of different classes.
    """
    several = _with_several_classes(table, "patient")
    if not several:
        return unit_labels(table)
    patients = table["patient"].to_numpy().astype(str)
    units = table["unit"].to_numpy().astype(str)
    total = table["patient"].nunique()
    moved_units = len(np.unique(units[np.isin(patients, several)]))
    if moved_units < MIN_MOVED:
        raise BenchError(
            f"{len(several)} of {count(total, 'patient')} {'has' if len(several) == 1 else 'have'} cells of several "
            f"classes ({list_names(several)}). Labels of cells are permuted within such patients, of which at least "
            f"{MIN_MOVED} are needed (linked patients count once); labels of patients are permuted between patients "
            "with one class each. If the label is a diagnosis, correct the labels of these patients (bench audit, A013)"
        )
    rows = tuple(np.flatnonzero(patients == name) for name in several)
    return CellLabels(table["label"].to_numpy().astype(str), units, rows, total - len(several))


def arrangements(counts: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Yield every distinct arrangement of `counts[label]` labels of each kind, in lexicographic order."""
    if not any(counts.values()):
        yield ()
    for label in sorted(name for name, left in counts.items() if left):
        yield from ((label, *others) for others in arrangements({**counts, label: counts[label] - 1}))


def _with_several_classes(table: pd.DataFrame, column: str) -> list[str]:
    classes = table.groupby(column)["label"].nunique()
    return [str(name) for name in classes.index[classes > 1]]


def _counts(labels: Values) -> dict[str, int]:
    classes, counts = np.unique(labels, return_counts=True)
    return {str(c): int(n) for c, n in zip(classes, counts, strict=True)}


def _multinomial(counts: Mapping[str, int]) -> int:
    return math.factorial(sum(counts.values())) // math.prod(map(math.factorial, counts.values()))
