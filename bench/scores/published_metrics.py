"""Metrics as publications define them: any class and beta, at a fixed threshold, with intervals over patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.scores import metric_functions as functions
from bench.scores.group_statistics import CELL, PATIENT, WeightedRows
from bench.scores.intervals import bootstrap_interval, known_interval
from bench.scores.metric_functions import Quantity
from bench.scores.metrics import Metric, score_draws
from bench.scores.predictions import Predictions, read_predictions
from bench.scores.primary import Estimate
from bench.statistics.arrays import Floats
from bench.statistics.bootstrap import patient_draws, percentile_interval

DRAWS = 2000
"""Bootstrap draws of patients."""

CLASSES = ("positive", "negative")
LEVELS = (CELL, PATIENT)


@dataclass(frozen=True)
class PublishedMetric:
    """A metric with its parameters, such as `fbeta[class=negative,beta=2,threshold=0.5]`.

    Parameters
    ----------
    name : str
        One of `METRICS`.
    of_class : {"positive", "negative"}
        Class of precision, recall, F1 and F-beta.
    beta : float
        Weight of the recall in F-beta.
    threshold : float or None
        Probability of the positive class from which a cell is positive. None: the threshold of each fold.
    level : {"cell", "patient"}
        Weight 1 for each cell, or for each patient, shared by its cells.
    """

    name: str
    of_class: str = "positive"
    beta: float = 1.0
    threshold: float | None = None
    level: str = CELL

    def metric(self) -> Metric:
        """Return it as a metric of `bench.scores.metrics`."""
        of = 0 if self.of_class == "positive" else 1
        return Metric(f"{self.name}_{self.level}", self.name, METRICS[self.name](of, self.beta))

    def decided(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Return predictions whose decisions are made at the threshold of the metric."""
        return predictions if self.threshold is None else predictions.assign(threshold=self.threshold)


def published_metric(name: str, params: Mapping[str, Any]) -> PublishedMetric:
    """Return a metric by name and parameters: `class`, `beta`, `threshold` and `level`.

    Raises
    ------
    BenchError
        An unknown name or parameter, or an invalid value.
    """
    if name not in METRICS:
        raise BenchError(f"metric {name!r} is not known; it is one of {', '.join(METRICS)}")
    unknown = sorted(set(params) - {"class", "beta", "threshold", "level"})
    if unknown:
        raise BenchError(f"metric {name} has no parameter {unknown[0]!r}; it takes class, beta, threshold and level")
    metric = PublishedMetric(
        name,
        params.get("class", "positive"),
        params.get("beta", 1.0),
        params.get("threshold"),
        params.get("level", CELL),
    )
    if metric.of_class not in CLASSES or metric.level not in LEVELS:
        raise BenchError(f"metric {name}: class is one of {', '.join(CLASSES)}, level one of {', '.join(LEVELS)}")
    for key, value, highest in (("beta", metric.beta, 100), ("threshold", metric.threshold, 1)):
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= highest
        if not (number or (key == "threshold" and value is None)):
            raise BenchError(f"metric {name}: {key}={value} is not a number from 0 to {highest}")
    return metric


def published_estimate(
    predictions: pd.DataFrame, metric: PublishedMetric, *, classes: Sequence[str], positive: str, seed: int = 0
) -> Estimate:
    """Compute a metric and its 95 % interval over patients, conditional on the fitted models.

    Parameters
    ----------
    predictions : DataFrame
        As for `bench.scores.metrics.score`.
    metric : PublishedMetric
        The metric.
    classes : sequence of str
        The two labels, in sort order.
    positive : str
        Positive class.

    Raises
    ------
    BenchError
        As `bench.scores.metrics.score`.
    """
    read = read_predictions(metric.decided(predictions), classes=classes, positive=positive)
    one = metric.metric()
    value = float(_drawn(read, one, np.ones((1, len(read.units))))[0])
    interval = known_interval(one.name, one.level, value, read)
    if interval is None:
        interval = bootstrap_interval(_drawn(read, one, read.draw(DRAWS, seed)), read)
    return Estimate(value, interval.low, interval.high)


def published_gap(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: PublishedMetric,
    *,
    classes: Sequence[str],
    positive: str,
    seed: int = 0,
) -> Estimate:
    """Compute the difference of a metric between two tables of predictions, with a 95 % interval over patients.

    The tables may have different patients: each draw of all patients is scored on the patients of either table, so that
    a patient of both counts in both. The interval is undefined where some draws are, or where no draw changes it.

    Raises
    ------
    BenchError
        A patient has other labels in the other table; as `bench.scores.metrics.score`.
    """
    one = metric.metric()
    read = [read_predictions(metric.decided(t), classes=classes, positive=positive) for t in (first, second)]
    units, class_of = _all_units(read)
    weights = patient_draws(class_of, DRAWS, seed).astype(np.float64)
    columns = [np.searchsorted(units, one.units) for one in read]
    ones = [_drawn(r, one, np.ones((1, len(r.units))))[0] for r in read]
    drawn = [_drawn(r, one, np.ascontiguousarray(weights[:, at])) for r, at in zip(read, columns, strict=True)]
    low, high = percentile_interval(drawn[0] - drawn[1])
    if not low < high:
        low = high = math.nan
    return Estimate(float(ones[0] - ones[1]), low, high)


def _all_units(read: Sequence[Predictions]) -> tuple[Any, Any]:
    """Return the units of all tables in sort order, and the class of each as strata of the draws."""
    units = np.unique(np.concatenate([one.units for one in read]))
    strata = np.zeros(len(units), dtype=np.int64)
    classes = [one.class_of_unit for one in read if one.class_of_unit is not None]
    if len(classes) < len(read):
        return units, strata
    positions = [np.searchsorted(units, one.units) for one in read]
    for at, codes in zip(positions, classes, strict=True):
        strata[at] = codes
    for at, codes in zip(positions, classes, strict=True):
        if not np.array_equal(strata[at], codes):
            raise BenchError("a patient has other labels in the other table of predictions")
    return units, strata


def _drawn(predictions: Predictions, metric: Metric, weights: Floats) -> Floats:
    return score_draws(predictions, [metric], weights)[metric.name]


def _fbeta(of: int, beta: float) -> Quantity:
    def quantity(weighted: WeightedRows) -> Floats:
        """(1 + beta^2) TP / ((1 + beta^2) TP + beta^2 FN + FP); 0 for a class that is never predicted."""
        code = weighted.rows.positive if of == 0 else 1 - weighted.rows.positive
        matrix = weighted.confusion
        hits, labelled, decided = matrix[:, code, code], matrix[:, code].sum(axis=1), matrix[:, :, code].sum(axis=1)
        below = beta**2 * labelled + decided
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(below == 0, 0.0, (1 + beta**2) * hits / below)

    return quantity


def _precision(of: int, beta: float) -> Quantity:
    # As scikit-learn: 0 for a class that is never predicted.
    return _fbeta(of, 0.0)


def _share_of_class(of: int, beta: float) -> Quantity:
    return functions.sensitivity if of == 0 else functions.specificity


def _either(quantity: Quantity) -> Callable[[int, float], Quantity]:
    """Return a metric that does not depend on class and beta."""
    return lambda of, beta: quantity


METRICS: Mapping[str, Callable[[int, float], Quantity]] = {
    "accuracy": _either(functions.accuracy),
    "balanced_accuracy": _either(functions.balanced_accuracy),
    "precision": _precision,
    "recall": _share_of_class,
    "f1": lambda of, beta: _fbeta(of, 1.0),
    "fbeta": _fbeta,
    "weighted_f1": _either(functions.weighted_f1),
    "macro_f1": _either(functions.macro_f1),
    "auroc": _either(functions.auroc),
}
"""Metrics by name: functions of the class (0: the positive one) and beta."""
