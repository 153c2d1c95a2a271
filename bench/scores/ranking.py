"""Order among scores of one fitted model: concordant pairs of split units, and steps of precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.statistics.auroc import concordance

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


BLOCK = 64
"""Draws whose precisions, one a threshold, are held at once: so many stay in the processor's cache."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of a row of the class and another row, both predicted by one fitted model.

    Parameters
    ----------
    with_class, with_rest : ndarray of int, shapes (P,) and (Q,)
        Units that have rows of the class, and units that have other rows.
    concordant, comparable : ndarray of float64, shape (P, Q)
        How many of the pairs are in the right order, a tie counting one half; how many there are.
    """

    with_class: Codes
    with_rest: Codes
    concordant: Floats
    comparable: Floats

    def auroc(self, weights: Floats) -> Floats:
        """AUROC = w'Hv / w'Sv for each draw.

        Parameters
        ----------
        weights : ndarray of float64, shape (n_draws, n_units)
            Weight of each row of a unit.

        Returns
        -------
        ndarray of float64, shape (n_draws,)
            NaN where no pair can be compared.
        """
        left, right = weights[:, self.with_class], weights[:, self.with_rest]
        hit = np.einsum("dq,dq->d", left @ self.concordant, right)
        pairs = np.einsum("dq,dq->d", left @ self.comparable, right)
        with np.errstate(invalid="ignore"):
            return np.asarray(hit / pairs)


@dataclass(frozen=True)
class PrecisionSteps:
    """What the precision-recall curve of one fold is made of.

    Parameters
    ----------
    with_class, with_rest : ndarray of int, shapes (P,) and (Q,)
        Units of the fold that have rows of the class, and other rows.
    new, hits : ndarray of float64, shape (P, n_steps)
        Rows of the class, of each unit: at each threshold that some row of the class has as its score; and at or above
        it. Thresholds fall from step to step.
    alarms : ndarray of float64, shape (Q, n_steps)
        Other rows at or above each threshold, of each unit.
    """

    with_class: Codes
    with_rest: Codes
    new: Floats
    hits: Floats
    alarms: Floats

    def average_precision(self, weights: Floats) -> Floats:
        """Sum over the thresholds of precision times the rise of recall, without interpolation.

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
        # Where nothing is decided yet nothing is hit either, and the precision counts as 0.
        decided += np.finfo(np.float64).tiny
        precision = np.divide(hits, decided, out=hits)
        with np.errstate(invalid="ignore"):
            found = np.einsum("dp,dp->d", left, precision @ self.new.T) / (left @ self.new.sum(axis=1))
        return np.where(right.sum(axis=1) > 0, found, np.nan)


def count_pairs(scores: Floats, is_class: Flags, unit_of: Codes, fold: npt.NDArray[Any], n_units: int) -> Pairs:
    """The pairs of every two units, counted within folds.

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


def precision_steps(scores: Floats, is_class: Flags, unit_of: Codes, fold: npt.NDArray[Any]) -> list[PrecisionSteps]:
    """The steps of each fold that holds the class and the rest; parameters as for `count_pairs`."""
    found = []
    for here in (fold == f for f in np.unique(fold)):
        if is_class[here].any() and not is_class[here].all():
            found.append(_steps(scores[here], is_class[here], unit_of[here]))
    return found


def mean_where_defined(values: Sequence[Floats], n_draws: int) -> Floats:
    """Mean over the first axis of what is not NaN, shape (n_draws,); NaN where nothing is defined."""
    if not values:
        return np.full(n_draws, np.nan)
    table = np.stack(values)
    defined = np.isfinite(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, table, 0.0).sum(axis=0) / defined.sum(axis=0))


def _steps(scores: Floats, is_class: Flags, unit_of: Codes) -> PrecisionSteps:
    thresholds = np.unique(scores[is_class])[::-1]
    # The step at which a row comes in: the first threshold that is not above its score.
    step = np.searchsorted(-thresholds, -scores, "left")
    with_class, new = _table(unit_of[is_class], step[is_class], len(thresholds))
    with_rest, arrivals = _table(unit_of[~is_class], step[~is_class], len(thresholds) + 1)
    return PrecisionSteps(with_class, with_rest, new, new.cumsum(axis=1), arrivals[:, :-1].cumsum(axis=1))


def _table(units: Codes, step: Codes, n_steps: int) -> tuple[Codes, Floats]:
    found, rows = np.unique(units, return_inverse=True)
    counts = np.bincount(rows * n_steps + step, minlength=len(found) * n_steps)
    return found, counts.reshape(len(found), n_steps).astype(np.float64)
