"""Metrics by the definitions of publications, such as `fbeta[class=HEM,beta=2,threshold=0.5]`."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError, did_you_mean
from bench.plugins.selectors import Selector, Value, check_parameters, parse
from bench.scores import metric_functions as functions
from bench.scores.group_statistics import CELL, PATIENT, PER_PATIENT
from bench.scores.metric_functions import Quantity
from bench.scores.metrics import AUPRC_DRAWS, METRICS, Metric, score_draws, score_metrics
from bench.scores.predictions import Predictions, read_predictions
from bench.scores.primary import Estimate
from bench.statistics.arrays import Codes, Values
from bench.statistics.bootstrap import patient_draws, percentile_interval

POSITIVE, NEGATIVE = "positive", "negative"
"""Words for the classes of two: the positive one and the other one."""

CHOSEN = "chosen"
"""Value of `threshold`: that of each fold, chosen on inner patients."""

LEVELS = (CELL, PATIENT, PER_PATIENT)

GAP_DRAWS = 2000
"""Bootstrap draws of patients for the difference of two tables."""

DECISIONS: Mapping[str, Quantity] = {
    "accuracy": functions.accuracy,
    "balanced_accuracy": functions.balanced_accuracy,
    "weighted_f1": functions.weighted_f1,
    "macro_f1": functions.macro_f1,
    "weighted_precision": functions.weighted_precision,
    "macro_precision": functions.macro_precision,
    "mcc": functions.matthews,
}
"""Metrics of the decisions for all classes. The weighted recall is the accuracy, the macro recall the balanced one."""

OF_CLASS: Mapping[str, Callable[[int, float], Quantity]] = {
    "precision": lambda code, _: functions.precision_of(code),
    "recall": lambda code, _: functions.sensitivity_to(code),
    "f1": lambda code, _: functions.fbeta_of(code, 1.0),
    "fbeta": functions.fbeta_of,
}
"""Metrics of the decisions for one class, by its code and beta."""

OF_SIDE = {"sensitivity": POSITIVE, "specificity": NEGATIVE}
"""Recalls with a name of their own."""

RANKING: Mapping[str, Quantity] = {
    "auroc": functions.auroc,
    "auprc": functions.average_precision,
    "brier": functions.brier,
    "log_loss": functions.log_loss,
    "ece": functions.calibration_error,
}
"""Metrics of the probabilities, without decisions."""

NAMES = (*DECISIONS, *OF_CLASS, *OF_SIDE, *RANKING)


@dataclass(frozen=True)
class PublishedMetric:
    """A metric with its class, weight, threshold and level.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    label : str or None
        Class of `precision`, `recall`, `f1` and `fbeta`: a label of the dataset, or `POSITIVE` or `NEGATIVE` with two
        classes. None: the positive class. The parameter `class` of the text.
    beta : float
        Weight of the recall relative to the precision in `fbeta`.
    threshold : float or None
        A cell is positive from this probability of the positive class on; at level `per_patient` a patient from this
        score on. None: the thresholds of the folds, chosen on inner patients. Two classes only.
    level : {"cell", "patient", "per_patient"}
        Weight 1 for each cell, weight 1 for each patient, or one score and decision for each patient.
    """

    name: str
    label: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    level: str = CELL

    def __str__(self) -> str:
        """Text with the parameters that differ from their defaults."""
        beta = int(self.beta) if float(self.beta).is_integer() else self.beta
        params: dict[str, Value] = {"class": self.label, "beta": beta, "threshold": self.threshold, "level": self.level}
        defaults: dict[str, Value] = {"class": None, "beta": 1, "threshold": None, "level": CELL}
        return str(Selector(self.name, {key: value for key, value in params.items() if value != defaults[key]}))


def parse_published_metric(text: str) -> PublishedMetric:
    """Parse `name` or `name[class=...,beta=...,threshold=...,level=...]`.

    Parameters
    ----------
    text : str
        A name of `NAMES` with the parameters that it takes: all take `level`, those of decisions `threshold` (a number,
        or `chosen`), those of one class `class`, and `fbeta` also `beta`.

    Raises
    ------
    BenchError
        The name or a parameter is unknown, or a value is out of range.
    """
    selector = parse(text)
    if selector.name not in NAMES:
        raise BenchError(
            f"no metric is called {selector.name!r}.{did_you_mean(selector.name, NAMES)} "
            f"It is one of {', '.join(NAMES)}."
        )
    check_parameters(selector, _parameters(selector.name))
    params = selector.params
    try:
        return PublishedMetric(
            selector.name,
            None if params.get("class") is None else str(params["class"]),
            _beta(params.get("beta", 1)),
            _threshold(params.get("threshold", CHOSEN)),
            _level(params.get("level", CELL)),
        )
    except ValueError as error:
        raise BenchError(f"{text}: {error}") from error


def score_published(
    predictions: pd.DataFrame,
    metrics: Sequence[str | PublishedMetric],
    *,
    classes: Sequence[str],
    positive: str | None,
    aggregate: str = "mean",
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute metrics with 95 % intervals over patients, as `bench.scores.metrics.score`.

    The predictions are those of one part: training, validation or test cells. Precision and F-beta are 0 for a class
    that is never predicted, as in scikit-learn with `zero_division=0`.

    Parameters
    ----------
    predictions : DataFrame
        As for `bench.scores.metrics.score`: rows of one `fold` are of one fitted model, so inner predictions need a
        number for each pair of fold and inner fold. The columns `threshold` and `patient_threshold` are needed only by
        metrics of decisions without a threshold of their own.
    metrics : sequence of str or PublishedMetric
        Texts as for `parse_published_metric`.
    classes : sequence of str
        The labels, in sort order.
    positive : str or None
        Positive class; two classes only.
    aggregate, draws, seed
        As for `bench.scores.metrics.score`.

    Returns
    -------
    DataFrame
        Columns as `bench.scores.metrics.score`; `metric` is the text of the metric, in the order of `metrics`.

    Raises
    ------
    BenchError
        A metric is unknown or not defined for these classes, or the predictions are invalid.
    """
    wanted = [parse_published_metric(one) if isinstance(one, str) else one for one in metrics]
    lines: dict[PublishedMetric, dict[Hashable, Any]] = {}
    for threshold in dict.fromkeys(one.threshold for one in wanted):
        group = {one: _metric(one, classes, positive) for one in wanted if one.threshold == threshold}
        table = _decided(predictions, threshold, group)
        read = read_predictions(table, classes=classes, positive=positive, aggregate=aggregate)
        by_name = {metric.name: metric for metric in group.values()}
        scores = score_metrics(read, list(by_name.values()), draws, seed).set_index("metric").to_dict("index")
        lines |= {one: scores[metric.name] for one, metric in group.items()}
    columns = ["metric", "value", "low", "high", "repeat_sd", "method", "n"]
    return pd.DataFrame([{"metric": str(one), **lines[one]} for one in wanted], columns=columns)


def published_gap(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: PublishedMetric,
    *,
    classes: Sequence[str],
    positive: str | None,
    draws: int = GAP_DRAWS,
    seed: int = 0,
) -> Estimate:
    """Compute the difference of a metric between two tables of predictions, with a 95 % interval over patients.

    The tables may have different patients: each draw of all patients is scored on those of either table, so that a
    patient of both counts in both. The interval is undefined where no draw changes the difference.

    Parameters
    ----------
    first, second : DataFrame
        As for `score_published`.
    metric : PublishedMetric
        The metric.
    classes, positive
        As for `score_published`.
    draws : int
        Bootstrap draws of patients, within their class where each patient has cells of one class.

    Raises
    ------
    BenchError
        A patient has other labels in the other table; as `score_published`.
    """
    one = _metric(metric, classes, positive)
    tables = [_decided(table, metric.threshold, {metric: one}) for table in (first, second)]
    read = [read_predictions(table, classes=classes, positive=positive) for table in tables]
    units, strata = _all_units(read)
    weights = patient_draws(strata, draws, seed)
    values, drawn = [], []
    for predictions in read:
        own = np.ascontiguousarray(weights[:, np.searchsorted(units, predictions.units)])
        values.append(score_draws(predictions, [one], np.ones((1, len(predictions.units))))[one.name][0])
        drawn.append(score_draws(predictions, [one], own)[one.name])
    low, high = percentile_interval(drawn[0] - drawn[1])
    if not low < high:
        low = high = math.nan
    return Estimate(float(values[0] - values[1]), low, high)


def _all_units(read: Sequence[Predictions]) -> tuple[Values, Codes]:
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


def _parameters(name: str) -> tuple[str, ...]:
    """Return the parameters that a metric takes."""
    own = ("class", "beta") if name == "fbeta" else ("class",) if name in OF_CLASS else ()
    return (*own, "level") if name in RANKING else (*own, "threshold", "level")


def _metric(one: PublishedMetric, classes: Sequence[str], positive: str | None) -> Metric:
    """Return the metric for these classes: that of the leaderboard where there is one, with its interval."""
    binary = len(classes) == 2
    if one.threshold is not None and not binary:
        raise BenchError(
            f"{one}: a threshold is for two classes; of {len(classes)} classes the most probable one is decided"
        )
    name, quantity = _named_quantity(one, classes, positive)
    if (known := METRICS.get(f"{name}_{one.level}")) is not None:
        return known
    return Metric(f"{name}_{one.level}", str(one), quantity, draws=AUPRC_DRAWS if name == "auprc" else None)


def _named_quantity(one: PublishedMetric, classes: Sequence[str], positive: str | None) -> tuple[str, Quantity]:
    """Return the name of a quantity, which is that of the leaderboard where it has one, and its function."""
    binary = len(classes) == 2
    if one.name in DECISIONS or one.name in RANKING:
        return one.name, {**DECISIONS, **RANKING}[one.name]
    if one.name in OF_SIDE and not binary:
        raise BenchError(f"{one} is for two classes; write recall[class=...]")
    label = OF_SIDE.get(one.name) or one.label
    code = _code(one, label, classes, positive)
    if binary and one.name in ("recall", *OF_SIDE):
        side = "sensitivity" if classes[code] == positive else "specificity"
        return side, functions.sensitivity if side == "sensitivity" else functions.specificity
    return str(Selector(one.name, {"class": classes[code], "beta": one.beta})), OF_CLASS[one.name](code, one.beta)


def _code(one: PublishedMetric, label: str | None, classes: Sequence[str], positive: str | None) -> int:
    """Return the code of a class; a label of the dataset takes precedence over the words for the two classes."""
    known = list(classes)
    if label in known and one.name not in OF_SIDE:
        return known.index(label)
    if len(known) != 2 or positive is None:
        names = ", ".join(known)
        problem = "needs a class" if label is None else f"{label} is not a class"
        raise BenchError(f"{one}: {problem}; write {one.name}[class=...] with one of {names}")
    if label not in (None, POSITIVE, NEGATIVE):
        hint = did_you_mean(str(label), known)
        raise BenchError(
            f"{one}: {label} is not a class.{hint} It is one of {', '.join(known)}, {POSITIVE} or {NEGATIVE}."
        )
    at = known.index(positive)
    return 1 - at if label == NEGATIVE else at


def _decided(
    predictions: pd.DataFrame, threshold: float | None, group: Mapping[PublishedMetric, Metric]
) -> pd.DataFrame:
    """Return the predictions with the threshold of the metrics."""
    if threshold is None and "threshold" in predictions:
        return predictions
    if threshold is None and (decides := [one for one in group if one.name not in RANKING]):
        raise BenchError(
            f"{decides[0]}: the predictions have no thresholds; write one, as in {decides[0].name}[threshold=0.5]"
        )
    fixed = 0.5 if threshold is None else threshold
    return predictions.assign(threshold=fixed, patient_threshold=fixed)


def _beta(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"beta={value} is not valid; it is a number above 0")
    return float(value)


def _threshold(value: Value) -> float | None:
    if value == CHOSEN or value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError(f"threshold={value} is not valid; it is a number between 0 and 1, or {CHOSEN}")
    return float(value)


def _level(value: Value) -> str:
    if value not in LEVELS:
        raise ValueError(f"level={value} is not known; it is one of {', '.join(LEVELS)}")
    return str(value)
