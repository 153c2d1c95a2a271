"""Validate a predictions table and compute the group statistics of each repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.scores.aggregation import decide_cells, patient_scores
from bench.scores.decisions import label_of_units
from bench.scores.group_statistics import GroupStatistics, PredictionRows
from bench.statistics.arrays import Codes, Flags, Floats, Values
from bench.statistics.bootstrap import patient_draws

SUM_TOLERANCE = 1e-4
"""Largest deviation from 1 of the probability sum of a cell; some classifiers compute in float32."""


@dataclass(frozen=True)
class Predictions:
    """A validated predictions table that can be scored for any draws of the units.

    Parameters
    ----------
    units : ndarray of str, shape (n_units,)
        Split units in sort order.
    class_of_unit : ndarray of int, shape (n_units,), or None
        Class code of each unit; None where some unit has cells of several classes.
    repeats : tuple of Sums
        By repeat number.
    """

    units: Values
    class_of_unit: Codes | None
    repeats: tuple[GroupStatistics, ...]

    @property
    def constant(self) -> bool:
        """Whether every fitted model predicted the same probabilities for all of its cells."""
        return all(
            np.ptp(rows.probabilities[rows.fold == fold], axis=0).max() == 0
            for rows in (statistics.cells for statistics in self.repeats)
            for fold in np.unique(rows.fold)
        )

    def draw(self, draws: int, seed: int) -> Floats:
        """Bootstrap draws of the units, float64 of shape (draws, n_units); read-only.

        Units are drawn within their class, or without strata where some have cells of several classes. All experiments
        on one dataset have the same draws.
        """
        one_stratum = np.zeros(len(self.units), dtype=np.int64)
        classes = one_stratum if self.class_of_unit is None else self.class_of_unit.astype(np.int64)
        return _draws(classes.tobytes(), draws, seed)

    def has_every_class(self, draws: Floats) -> Flags:
        """Whether each draw contains cells of every class, shape (n_draws,)."""
        return np.asarray(((draws @ self.repeats[0].cells.by_label) > 0).all(axis=1))


def read_predictions(
    table: pd.DataFrame, *, classes: Sequence[str], positive: str | None, aggregate: str = "mean"
) -> Predictions:
    """Validate a predictions table and compute the group statistics of each repeat.

    Parameters
    ----------
    table : DataFrame
        As for `bench.scores.metrics.score`.
    classes : sequence of str
        The labels, in sort order.
    positive : str or None
        Positive class of two.
    aggregate : {"mean", "logit", "share"}
        Aggregation of a patient's cells into one score.

    Raises
    ------
    BenchError
        As `bench.scores.metrics.score`.
    """
    columns = probability_columns(classes)
    missing = [c for c in ("unit", "repeat", "label", "fold", "threshold", *columns) if c not in table]
    if missing or not len(table):
        raise BenchError(f"predictions have no column {missing[0]!r}" if missing else "predictions contain no cell")
    if table["unit"].isna().any():
        raise BenchError(f"predictions lack the unit of {_where(table, int(np.flatnonzero(table['unit'].isna())[0]))}")
    unit_of, units = pd.factorize(table["unit"].astype(str), sort=True)
    at = list(classes).index(positive) if positive is not None else 0
    repeat, repeats = table["repeat"].to_numpy(), []
    for here in (repeat == r for r in np.unique(repeat)):
        rows = table[here]
        probabilities, labels = checked_probabilities(rows, columns), _codes(rows["label"], classes)
        fold = np.unique(rows["fold"].to_numpy(), return_inverse=True)[1].astype(np.intp)
        decided = decide_cells(probabilities, _thresholds(rows, len(classes)), at)
        cells = PredictionRows(probabilities, labels, decided, unit_of[here].astype(np.intp), fold, len(units), at)
        repeats.append(GroupStatistics(cells, _patients(cells, rows, aggregate)))
    class_of_unit = label_of_units(unit_of, _codes(table["label"], classes), len(units))
    return Predictions(np.asarray(units), class_of_unit, tuple(repeats))


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Names of the probability columns of a predictions table, one per class."""
    return [f"p_{label}" for label in classes]


def checked_probabilities(table: pd.DataFrame, columns: list[str]) -> Floats:
    """Return validated probabilities, float64 of shape (len(table), len(columns)), in [0, 1].

    Raises
    ------
    BenchError
        A probability is not finite or is outside [0, 1], or a row does not sum to 1; the message names the cell.
    """
    values = table[columns].to_numpy(dtype=np.float64)
    for complaint, wrong in (
        ("probabilities that are not finite", ~np.isfinite(values)),
        ("probabilities outside 0 to 1", (values < -SUM_TOLERANCE) | (values > 1 + SUM_TOLERANCE)),
    ):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise BenchError(
                f"predictions contain {complaint}: {columns[column]} is {values[row, column]:g} of "
                f"{_where(table, int(row))}{_more(int(wrong.any(axis=1).sum()))}"
            )
    sums = values.sum(axis=1)
    off = np.abs(sums - 1) > SUM_TOLERANCE
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise BenchError(
            f"predictions contain probabilities that do not sum to 1: {' + '.join(columns)} is {sums[row]:g} of "
            f"{_where(table, row)}{_more(int(off.sum()))}"
        )
    return np.asarray(np.clip(values, 0.0, 1.0), dtype=np.float64)


def _patients(cells: PredictionRows, table: pd.DataFrame, aggregate: str) -> PredictionRows | None:
    labels = label_of_units(cells.unit_of, cells.labels, cells.n_units)
    folds = label_of_units(cells.unit_of, cells.fold, cells.n_units)
    if labels is None or folds is None or cells.decided is None:
        return None
    units, first = np.unique(cells.unit_of, return_index=True)
    scores = patient_scores(aggregate, cells.probabilities, cells.decided, cells.unit_of, cells.n_units)[units]
    decided: Codes | None = None
    if cells.n_classes > 2:
        decided = decide_cells(scores, np.nan, cells.positive)
    elif "patient_threshold" in table:
        threshold = table["patient_threshold"].to_numpy(dtype=np.float64)[first]
        decided = None if np.isnan(threshold).any() else decide_cells(scores, threshold, cells.positive)
    return PredictionRows(scores, labels[units], decided, units, folds[units], cells.n_units, cells.positive)


def _codes(labels: pd.Series[Any], classes: Sequence[str]) -> Codes:
    codes = np.asarray(pd.Index(classes).get_indexer(pd.Index(labels.astype(str))), dtype=np.intp)
    if (codes < 0).any():
        unknown = labels.to_numpy()[int(np.flatnonzero(codes < 0)[0])]
        raise BenchError(f"predictions contain the label {unknown}; the classes are {', '.join(classes)}")
    return codes


def _thresholds(table: pd.DataFrame, n_classes: int) -> Floats:
    thresholds = table["threshold"].to_numpy(dtype=np.float64)
    missing = np.isnan(thresholds)
    if n_classes == 2 and missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise BenchError(f"predictions of two classes have no threshold: that of {_where(table, row)} is missing")
    return thresholds


def _where(table: pd.DataFrame, row: int) -> str:
    line = table.iloc[row]
    cell = f"cell {line['cell']}" if "cell" in table else f"row {row}"
    place = ", ".join(f"{name} {line[name]}" for name in ("repeat", "fold") if name in table)
    return f"{cell} ({place})"


def _more(wrong: int) -> str:
    return f", and {wrong - 1} more" if wrong > 1 else ""


@lru_cache(maxsize=2)
def _draws(class_of_unit: bytes, draws: int, seed: int) -> Floats:
    drawn = patient_draws(np.frombuffer(class_of_unit, dtype=np.int64), draws, seed)
    drawn.setflags(write=False)
    return drawn
