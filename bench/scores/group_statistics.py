"""What the predictions of one repeat come to for each split unit; every metric and every draw follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bench.scores.ranking import Pairs, PrecisionSteps, count_pairs, precision_steps

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

CELL, PATIENT, PER_PATIENT = "cell", "patient", "per_patient"
"""Levels: every cell weighs 1; every patient does, and its cells share it; one score a patient."""

BINS = 10
"""Bins of equal width on [0, 1] of the calibration error; the last one holds 1."""

LEAST = float(np.finfo(np.float64).eps)
"""Probabilities are held in [LEAST, 1 - LEAST] before a logarithm, as scikit-learn does."""


@dataclass(frozen=True)
class Rows:
    """The predictions of one repeat: a row a cell, or a row a patient.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_rows, n_classes)
        Finite, rows sum to 1.
    labels : ndarray of int, shape (n_rows,)
        Class codes.
    decided : ndarray of int, shape (n_rows,), or None
        The class that each row was decided for; None where nothing was decided: the counts are NaN then.
    unit_of : ndarray of int, shape (n_rows,)
        Split unit of each row, 0..n_units-1.
    fold : ndarray of int, shape (n_rows,)
        Rows of one fold were predicted by one fitted model.
    n_units : int
        Split units of the whole table; some may have no row here.
    positive : int
        Code of the positive class of two.
    """

    probabilities: Floats
    labels: Codes
    decided: Codes | None
    unit_of: Codes
    fold: npt.NDArray[np.intp]
    n_units: int
    positive: int

    @property
    def n_classes(self) -> int:
        """Classes of the data set."""
        return int(self.probabilities.shape[1])

    @property
    def scored(self) -> list[int]:
        """Classes that are scored against the rest: the positive one of two, each of more."""
        return [self.positive] if self.n_classes == 2 else list(range(self.n_classes))

    @cached_property
    def size(self) -> Floats:
        """Rows of each unit, at least 1, shape (n_units,)."""
        return np.maximum(np.bincount(self.unit_of, minlength=self.n_units), 1).astype(np.float64)

    @cached_property
    def confusion(self) -> Floats:
        """Rows of each unit by label and decision, shape (n_units, n_classes, n_classes)."""
        shape = (self.n_units, self.n_classes, self.n_classes)
        if self.decided is None:
            return np.full(shape, np.nan)
        at = np.ravel_multi_index((self.unit_of, self.labels, self.decided), shape)
        return np.bincount(at, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)

    @cached_property
    def by_label(self) -> Floats:
        """Rows of each unit by label, shape (n_units, n_classes)."""
        at = self.unit_of * self.n_classes + self.labels
        return np.bincount(at, minlength=self.n_units * self.n_classes).reshape(self.n_units, -1).astype(np.float64)

    @cached_property
    def losses(self) -> Floats:
        """Sums of squared error and of log loss over each unit's rows, shape (n_units, 2).

        The squared error is (p - y)^2 of the positive class of two, and the sum over the classes of more.
        """
        truth = np.eye(self.n_classes)[self.labels]
        squared = (self.probabilities - truth) ** 2
        brier = squared[:, self.positive] if self.n_classes == 2 else squared.sum(axis=1)
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        return self._sums(np.stack([brier, -np.log(np.clip(own, LEAST, 1 - LEAST))], axis=1))

    @cached_property
    def gaps(self) -> Floats:
        """Sums of outcome minus confidence over each unit's rows in each bin of confidence, shape (n_units, BINS).

        Two classes: the outcome is whether the row is positive, the confidence the probability of that. More: whether
        the most probable class is right, and its probability.
        """
        if self.n_classes == 2:
            confidence, outcome = self.probabilities[:, self.positive], self.labels == self.positive
        else:
            confidence, outcome = self.probabilities.max(axis=1), self.probabilities.argmax(axis=1) == self.labels
        bins = np.clip((confidence * BINS).astype(np.intp), 0, BINS - 1)
        at = self.unit_of * BINS + bins
        sums = np.bincount(at, weights=outcome - confidence, minlength=self.n_units * BINS)
        return np.asarray(sums.reshape(self.n_units, BINS), dtype=np.float64)

    @cached_property
    def pairs(self) -> list[Pairs]:
        """Pairs of rows that one fitted model predicted, for each scored class."""
        return [
            count_pairs(self.probabilities[:, c], self.labels == c, self.unit_of, self.fold, self.n_units)
            for c in self.scored
        ]

    @cached_property
    def steps(self) -> list[list[PrecisionSteps]]:
        """What the precision-recall curve of each fold is made of, for each scored class."""
        return [
            precision_steps(self.probabilities[:, c], self.labels == c, self.unit_of, self.fold) for c in self.scored
        ]

    def _sums(self, values: Floats) -> Floats:
        columns = [np.bincount(self.unit_of, weights=v, minlength=self.n_units) for v in values.T]
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Weighed:
    """The rows of one repeat under drawn weights of the units.

    Parameters
    ----------
    rows : Rows
        What is weighed.
    weights : ndarray of float64, shape (n_draws, n_units)
        Weight of each row of a unit in each draw: how often the unit was drawn, and at the level of patients that
        divided by the rows of the unit.
    """

    rows: Rows
    weights: Floats

    @cached_property
    def confusion(self) -> Floats:
        """Weight by label and decision, shape (n_draws, n_classes, n_classes)."""
        return np.tensordot(self.weights, self.rows.confusion, axes=1)

    @cached_property
    def total(self) -> Floats:
        """Weight of all rows, shape (n_draws,)."""
        return np.asarray(self.weights @ self.rows.by_label.sum(axis=1))

    @cached_property
    def losses(self) -> Floats:
        """Mean squared error and mean log loss, shape (n_draws, 2)."""
        return np.asarray((self.weights @ self.rows.losses) / self.total[:, None])

    @cached_property
    def gaps(self) -> Floats:
        """Outcome minus confidence summed in each bin, over the total weight, shape (n_draws, BINS)."""
        return np.asarray((self.weights @ self.rows.gaps) / self.total[:, None])

    def head(self, n: int) -> Weighed:
        """The first n draws."""
        return Weighed(self.rows, self.weights[:n])


@dataclass(frozen=True)
class Sums:
    """The predictions of one repeat, as rows of cells and as rows of patients.

    Parameters
    ----------
    cells : Rows
        A row a cell.
    patients : Rows or None
        A row a split unit; None where a unit has cells of several classes, so that it has no label, or was predicted
        in several folds, so that no one fitted model gave it a score.
    """

    cells: Rows
    patients: Rows | None

    def weighed(self, level: str, draws: Floats) -> Weighed | None:
        """The rows of a level under drawn counts of the units, shape (n_draws, n_units); None where it has none."""
        if level == CELL:
            return Weighed(self.cells, draws)
        if level == PATIENT:
            return Weighed(self.cells, draws / self.cells.size)
        return None if self.patients is None else Weighed(self.patients, draws)
