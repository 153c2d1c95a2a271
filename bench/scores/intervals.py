"""Confidence intervals of scores over patients, conditional on the fitted models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from bench.scores.group_statistics import CELL, PATIENT, GroupStatistics, PredictionRows
from bench.scores.predictions import Predictions
from bench.statistics.arrays import Codes, Floats
from bench.statistics.auroc import PairsInFolds, logit_interval, patient_weighted_in_folds
from bench.statistics.bootstrap import percentile_interval
from bench.statistics.boundary import lower_bound_at_one

BOOTSTRAP, U_STATISTIC, WILSON = "patient bootstrap", "U-statistic, logit", "Wilson"
ONE_SIDED = "one-sided bound of a score at its limit"
NONE_AT_LIMIT = "none, because the score is at its limit, where no draw of patients varies"
NONE_WITHOUT_SPREAD = "none, because all draws of patients have the same score"
UNDEFINED = "none, because the score is undefined"
"""Methods of intervals, and the reasons why there is none."""

APPROXIMATE = ", approximate"
"""End of a method with fewer patients of a class than `MIN_PATIENTS`."""

MIN_PATIENTS = 10
"""Patients of a class below which p-values and intervals are reported as approximate."""

LIMITS: Mapping[str, tuple[float, float]] = {"mcc": (-1.0, 1.0), "log_loss": (0.0, math.inf)}
"""Range of the metrics, by quantity, for which it is not [0, 1]."""

BRACKETS = "[{:.2f}, {:.2f}]"
"""Form of an interval after its value."""

_ROUNDING = 1e-9


class Interval(NamedTuple):
    """Ends of a 95 % interval and its method; NaN, NaN and the reason where there is none."""

    low: float
    high: float
    method: str


def known_interval(name: str, level: str, value: float, predictions: Predictions) -> Interval | None:
    """Return the interval of a metric that is no proportion, where it needs no bootstrap; None elsewhere.

    A score at the end of its range: a one-sided bound, where one is known (`independent_units`). Two classes and one
    class per patient: the interval of the U-statistic for the AUROC of patients.

    Parameters
    ----------
    name, level : str
        Name and level of the metric, as in `bench.scores.metrics.Metric`.
    value : float
        Score, mean over the repeats.
    predictions : Predictions
        Scored predictions.
    """
    if not math.isfinite(value):
        return Interval(math.nan, math.nan, UNDEFINED)
    quantity = name.removesuffix(f"_{level}")
    lowest, highest = LIMITS.get(quantity, (0.0, 1.0))
    if min(value - lowest, highest - value) <= _ROUNDING:
        bound = lower_bound_at_one(independent_units(quantity, level, predictions))
        if math.isnan(bound):
            return Interval(math.nan, math.nan, NONE_AT_LIMIT)
        low, high = (bound, 1.0) if value > (lowest + highest) / 2 else (0.0, 1 - bound)
        return Interval(low, high, ONE_SIDED)
    if quantity == "auroc" and level != CELL:
        low, high = _u_interval(level, predictions)
        if math.isfinite(low):
            return Interval(low, high, U_STATISTIC + _approximate(predictions))
    return None


def bootstrap_interval(drawn: Floats, predictions: Predictions) -> Interval:
    """Return the interval of the scores of bootstrap draws of the patients, shape (n_draws,), by its percentiles."""
    low, high = percentile_interval(drawn)
    constant = high - low <= _ROUNDING and not predictions.constant
    if constant or not math.isfinite(low):
        return Interval(math.nan, math.nan, NONE_WITHOUT_SPREAD if constant else UNDEFINED)
    return Interval(low, high, BOOTSTRAP + _approximate(predictions))


def independent_units(quantity: str, level: str, predictions: Predictions) -> int:
    """Return the number of independent units whose scores must all be perfect for a perfect score.

    Patients for the recalls and the accuracy; for the balanced accuracy the number of classes times the patients of
    the rarest one (the product of its recalls is at most that power of their mean); for the AUROC disjoint pairs of
    patients of two classes that one fitted model predicted. 0 for other quantities, for cells that are not weighted by
    patient, and where patients have cells of several classes: no bound is known then.
    """
    classes = predictions.class_of_unit
    if level == CELL or classes is None:
        return 0
    rows = predictions.repeats[0].cells
    counts = np.bincount(classes, minlength=rows.n_classes)
    positive = int(counts[rows.positive])
    by_quantity = {
        "sensitivity": positive,
        "specificity": len(classes) - positive,
        "accuracy": len(classes),
        "balanced_accuracy": rows.n_classes * int(counts.min()),
        # Where a patient is tested in several folds, pairs of two folds may share it.
        "auroc": min(int(counts.min()), *(_disjoint_pairs(s.cells, classes) for s in predictions.repeats)),
    }
    return by_quantity.get(quantity, 0)


def fewest_patients(predictions: Predictions) -> int:
    """Return the number of patients of the rarest class; of patients with cells of it where they have several."""
    return int((predictions.repeats[0].cells.by_label > 0).sum(axis=0).min())


def interval_text(low: float, high: float, *, form: str = "{:.2f}-{:.2f}") -> str:
    """Return an interval with two decimals; `(no interval)` where there is none."""
    return form.format(low, high) if math.isfinite(low) and math.isfinite(high) else "(no interval)"


def _approximate(predictions: Predictions) -> str:
    return APPROXIMATE if fewest_patients(predictions) < MIN_PATIENTS else ""


def _u_interval(level: str, predictions: Predictions) -> tuple[float, float]:
    classes = predictions.class_of_unit
    tables = [_rows(statistics, level) for statistics in predictions.repeats]
    if classes is None or any(rows is None or rows.n_classes != 2 for rows in tables):
        return math.nan, math.nan
    estimate = patient_weighted_in_folds([_pairs(rows) for rows in tables if rows is not None])
    return logit_interval(estimate, df=int(np.bincount(classes, minlength=2).min()) - 1)


def _rows(statistics: GroupStatistics, level: str) -> PredictionRows | None:
    return statistics.cells if level == PATIENT else statistics.patients


def _pairs(rows: PredictionRows) -> PairsInFolds:
    pairs = rows.pairs[0]
    weights = np.outer(rows.size[pairs.with_class], rows.size[pairs.with_rest])
    concordant, comparable = pairs.concordant / weights, pairs.comparable / weights
    return PairsInFolds(pairs.with_class, pairs.with_rest, concordant, comparable, rows.n_units)


def _disjoint_pairs(rows: PredictionRows, classes: Codes) -> int:
    """Number of disjoint pairs of units of the rarest class of a fold and another one."""
    pairs = 0
    for fold in np.unique(rows.fold):
        counts = np.bincount(classes[np.unique(rows.unit_of[rows.fold == fold])], minlength=rows.n_classes)
        pairs += int(counts.min())
    return pairs
