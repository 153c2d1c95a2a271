"""Per-group sufficient statistics of one repeat, from which every metric and bootstrap draw is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.scores.ranking import Pairs, PrecisionSteps, count_pairs, precision_steps
from bench.statistics.arrays import Codes, Floats

CELL, PATIENT, PER_PATIENT = "cell", "patient", "per_patient"
"""Levels: weight 1 per cell; weight 1 per patient, shared by its cells; one score per patient."""

BINS = 10
"""Number of equal-width bins on [0, 1] for the calibration error; the last one includes 1."""

LEAST = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [LEAST, 1 - LEAST] before a logarithm, as in scikit-learn."""


@dataclass(frozen=True)
class PredictionRows:
    """Predictions of one repeat: one row per cell or per patient.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n_rows, n_classes)
        Finite, rows sum to 1.
    labels : ndarray of int, shape (n_rows,)
        Class codes.
    decided : ndarray of int, shape (n_rows,), or None
        Class assigned to each row; None without decisions: counts are NaN then.
    unit_of : ndarray of int, shape (n_rows,)
        Split unit of each row, 0..n_units-1.
    fold : ndarray of int, shape (n_rows,)
        Fold of each row; rows of a fold were predicted by one fitted model.
    n_units : int
        Split units of all repeats; some may have no row here.
    positive : int
        Code of the positive class of two.
    """

    probabilities: Floats
    labels: Codes
    decided: Codes | None
    unit_of: Codes
    fold: Codes
    n_units: int
    positive: int

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.probabilities.shape[1])

    @property
    def scored(self) -> list[int]:
        """Classes scored against the rest: the positive one of two, or every one of more."""
        return [self.positive] if self.n_classes == 2 else list(range(self.n_classes))

    @cached_property
    def size(self) -> Floats:
        """Number of rows of each unit, at least 1, shape (n_units,)."""
        return np.maximum(np.bincount(self.unit_of, minlength=self.n_units), 1).astype(np.float64)

    @cached_property
    def confusion(self) -> Floats:
        """Number of rows of each unit by label and decision, shape (n_units, n_classes, n_classes)."""
        shape = (self.n_units, self.n_classes, self.n_classes)
        if self.decided is None:
            return np.full(shape, np.nan)
        at = np.ravel_multi_index((self.unit_of, self.labels, self.decided), shape)
        return np.bincount(at, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)

    @cached_property
    def by_label(self) -> Floats:
        """Number of rows of each unit by label, shape (n_units, n_classes)."""
        at = self.unit_of * self.n_classes + self.labels
        return np.bincount(at, minlength=self.n_units * self.n_classes).reshape(self.n_units, -1).astype(np.float64)

    @cached_property
    def losses(self) -> Floats:
        """Sums of squared error and log loss over each unit's rows, shape (n_units, 2).

        The squared error is (p - y)^2 of the positive class of two, and the sum over the classes of more.
        """
        truth = np.eye(self.n_classes)[self.labels]
        squared = (self.probabilities - truth) ** 2
        brier = squared[:, self.positive] if self.n_classes == 2 else squared.sum(axis=1)
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        losses = (brier, -np.log(np.clip(own, LEAST, 1 - LEAST)))
        return np.stack([np.bincount(self.unit_of, weights=v, minlength=self.n_units) for v in losses], axis=1)

    @cached_property
    def gaps(self) -> Floats:
        """Sums of outcome minus confidence over each unit's rows in each bin of confidence, shape (n_units, BINS).

        Two classes: the outcome is whether the row is positive, the confidence its probability. More classes: whether
        the most probable class is correct, and its probability.
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
        """Pairs of rows predicted by the same fitted model, for each scored class."""
        return [
            count_pairs(self.probabilities[:, c], self.labels == c, self.unit_of, self.fold, self.n_units)
            for c in self.scored
        ]

    @cached_property
    def steps(self) -> list[list[PrecisionSteps]]:
        """Steps of the precision-recall curve of each fold, for each scored class."""
        return [
            precision_steps(self.probabilities[:, c], self.labels == c, self.unit_of, self.fold) for c in self.scored
        ]


@dataclass(frozen=True)
class WeightedRows:
    """Rows of one repeat with weights of the units for each draw.

    Parameters
    ----------
    rows : Rows
        Predictions.
    weights : ndarray of float64, shape (n_draws, n_units)
        Weight of each row of a unit in each draw: the count of the unit, at the patient level divided by its number of
        rows.
    """

    rows: PredictionRows
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
        """Sum of outcome minus confidence in each bin, divided by the total weight, shape (n_draws, BINS)."""
        return np.asarray((self.weights @ self.rows.gaps) / self.total[:, None])

    def head(self, n: int) -> WeightedRows:
        """Return the first n draws."""
        return WeightedRows(self.rows, self.weights[:n])


@dataclass(frozen=True)
class GroupStatistics:
    """Predictions of one repeat at the levels of cells and patients.

    Parameters
    ----------
    cells : Rows
        One row per cell.
    patients : Rows or None
        One row per split unit; None where a unit has cells of several classes (no single label) or was predicted in
        several folds (no single model).
    """

    cells: PredictionRows
    patients: PredictionRows | None

    def weighted(self, level: str, draws: Floats) -> WeightedRows | None:
        """Weight the rows of a level by unit counts of shape (n_draws, n_units); None where the level is undefined."""
        if level == CELL:
            return WeightedRows(self.cells, draws)
        if level == PATIENT:
            return WeightedRows(self.cells, draws / self.cells.size)
        return None if self.patients is None else WeightedRows(self.patients, draws)
