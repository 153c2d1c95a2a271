"""Ranking statistics of one fitted model: concordant pairs of split units, and precision-recall steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.statistics.arrays import Codes, Flags, Floats, Values
from bench.statistics.auroc import concordance

BLOCK = 64
"""Draws processed at a time, so that their precisions at all thresholds fit into the processor's cache."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of a row of the class and another row, predicted by the same fitted model.

    Parameters
    ----------
    with_class, with_rest : ndarray of int, shapes (P,) and (Q,)
        Units with rows of the class, and units with other rows.
    concordant, comparable : ndarray of float64, shape (P, Q)
        Number of concordant pairs, ties counting one half; number of pairs.
    """

    with_class: Codes
    with_rest: Codes
    concordant: Floats
    comparable: Floats

    def auroc(self, weights: Floats) -> Floats:
        """Compute the AUROC = w'Hv / w'Sv of each draw.

        Parameters
        ----------
        weights : ndarray of float64, shape (n_draws, n_units)
            Weight of each row of a unit.

        Returns
        -------
        ndarray of float64, shape (n_draws,)
            NaN where there is no pair.
        """
        left, right = weights[:, self.with_class], weights[:, self.with_rest]
        hit = np.einsum("dq,dq->d", left @ self.concordant, right)
        pairs = np.einsum("dq,dq->d", left @ self.comparable, right)
        with np.errstate(invalid="ignore"):
            return np.asarray(hit / pairs)


@dataclass(frozen=True)
class PrecisionSteps:
    """Steps of the precision-recall curve of one fold.

    Parameters
    ----------
    with_class, with_rest : ndarray of int, shapes (P,) and (Q,)
        Units of the fold with rows of the class, and with other rows.
    new, hits : ndarray of float64, shape (P, n_steps)
        Rows of the class per unit: at each threshold, and at or above it. Thresholds are the distinct scores of rows of
        the class, in descending order.
    alarms : ndarray of float64, shape (Q, n_steps)
        Other rows per unit at or above each threshold.
    """

    with_class: Codes
    with_rest: Codes
    new: Floats
    hits: Floats
    alarms: Floats

    def average_precision(self, weights: Floats) -> Floats:
        """Sum precision times the increase of recall over the thresholds, without interpolation.

        Parameters
        ----------
        weights : ndarray of float64, shape (n_draws, n_units)
            Weight of each row of a unit.

        Returns
        -------
        ndarray of float64, shape (n_draws,)
            NaN where the class or the rest has no weight.
        """
        return np.concatenate([self._average_precision(weights[i : i + BLOCK]) for i in range(0, len(weights), BLOCK)])

    def _average_precision(self, weights: Floats) -> Floats:
        left, right = weights[:, self.with_class], weights[:, self.with_rest]
        hits = left @ self.hits
        decided = right @ self.alarms
        decided += hits
        # Without rows at or above a threshold there are no hits, and the precision counts as 0.
        decided += np.finfo(np.float64).tiny
        precision = np.divide(hits, decided, out=hits)
        with np.errstate(invalid="ignore"):
            average = np.einsum("dp,dp->d", left, precision @ self.new.T) / (left @ self.new.sum(axis=1))
        return np.where(right.sum(axis=1) > 0, average, np.nan)


def count_pairs(scores: Floats, is_class: Flags, unit_of: Codes, fold: Values, n_units: int) -> Pairs:
    """Count concordant pairs of every two units within folds.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_rows,)
        Finite.
    is_class : ndarray of bool, shape (n_rows,)
        Rows of the class.
    unit_of : ndarray of int, shape (n_rows,)
        Unit of each row, 0..n_units-1.
    fold : ndarray, shape (n_rows,)
        Rows of different folds are not compared.
    """
    with_class, with_rest = np.unique(unit_of[is_class]), np.unique(unit_of[~is_class])
    at_class, at_rest = np.zeros((2, n_units), dtype=np.intp)
    at_class[with_class], at_rest[with_rest] = np.arange(len(with_class)), np.arange(len(with_rest))
    concordant, comparable = np.zeros((2, len(with_class), len(with_rest)))
    for f in np.unique(fold):
        here = fold == f
        ours, theirs = np.flatnonzero(here & is_class), np.flatnonzero(here & ~is_class)
        rows, columns = at_class[unit_of[ours]], at_rest[unit_of[theirs]]
        concordant += concordance(scores[ours], scores[theirs], rows=rows, columns=columns, shape=concordant.shape)
        comparable += np.outer(
            np.bincount(rows, minlength=len(with_class)), np.bincount(columns, minlength=len(with_rest))
        )
    return Pairs(with_class, with_rest, concordant, comparable)


def precision_steps(scores: Floats, is_class: Flags, unit_of: Codes, fold: Values) -> list[PrecisionSteps]:
    """Compute the steps of each fold with rows of the class and of the rest; parameters as for `count_pairs`."""
    steps = []
    for here in (fold == f for f in np.unique(fold)):
        if is_class[here].any() and not is_class[here].all():
            steps.append(_steps(scores[here], is_class[here], unit_of[here]))
    return steps


def mean_where_defined(values: Sequence[Floats], n_draws: int) -> Floats:
    """Mean over the first axis without NaN, shape (n_draws,); NaN where all values are NaN."""
    if not values:
        return np.full(n_draws, np.nan)
    table = np.stack(values)
    defined = np.isfinite(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, table, 0.0).sum(axis=0) / defined.sum(axis=0))


def _steps(scores: Floats, is_class: Flags, unit_of: Codes) -> PrecisionSteps:
    thresholds = np.unique(scores[is_class])[::-1]
    # Step at which a row is first counted: the first threshold that is not above its score.
    step = np.searchsorted(-thresholds, -scores, "left")
    with_class, new = _table(unit_of[is_class], step[is_class], len(thresholds))
    with_rest, arrivals = _table(unit_of[~is_class], step[~is_class], len(thresholds) + 1)
    return PrecisionSteps(with_class, with_rest, new, new.cumsum(axis=1), arrivals[:, :-1].cumsum(axis=1))


def _table(units: Codes, step: Codes, n_steps: int) -> tuple[Codes, Floats]:
    present, rows = np.unique(units, return_inverse=True)
    counts = np.bincount(rows * n_steps + step, minlength=len(present) * n_steps)
    return present, counts.reshape(len(present), n_steps).astype(np.float64)
