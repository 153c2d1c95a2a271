"""Metrics at three levels, and their values with confidence intervals over patients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from bench.scores import metric_functions as functions
from bench.scores.group_statistics import CELL, PATIENT, PER_PATIENT, GroupStatistics
from bench.scores.intervals import UNDEFINED, WILSON, Interval, bootstrap_interval, known_interval
from bench.scores.metric_functions import Quantity
from bench.scores.predictions import Predictions, read_predictions
from bench.scores.thresholds import patient_weights
from bench.statistics.arrays import Flags, Floats, Values
from bench.statistics.proportions import wilson

CHUNK = 2000
"""Bootstrap draws that are scored at a time."""

AUPRC_DRAWS = 1000
"""Bootstrap draws for the interval of an AUPRC, which is no sum over patients and therefore slower."""

LEVELS: Mapping[str, str] = {
    PATIENT: "Every patient has weight 1, shared by its cells.",
    CELL: "Every cell has weight 1, so that patients with many cells dominate.",
    PER_PATIENT: "One score and one decision per patient, aggregated over its cells. Undefined where patients have "
    "cells of several classes, or several fitted models predicted a patient.",
}
"""Weighting at each level; linked patients count as one."""


@dataclass(frozen=True)
class Metric:
    """A column of the leaderboard.

    Parameters
    ----------
    name : str
        Identifier; ends with the level.
    title : str
        Display name: the quantity, a comma, the level.
    quantity : callable
        Metric function; the first line of its docstring is the definition printed in reports.
    binary : bool
        Defined for two classes only.
    headline : bool
        Included in narrow tables.
    low_is_good : bool
        Lower values are better.
    proportion : bool
        A share of patients with one decision each: its interval is Wilson's, not the bootstrap's.
    draws : int or None
        Maximum number of bootstrap draws for its interval; None: all.
    """

    name: str
    title: str
    quantity: Quantity
    binary: bool = False
    headline: bool = False
    low_is_good: bool = False
    proportion: bool = False
    draws: int | None = None

    @property
    def level(self) -> str:
        """`cell`, `patient` or `per_patient`."""
        return next(level for level in (PER_PATIENT, PATIENT, CELL) if self.name.endswith(f"_{level}"))

    @property
    def meaning(self) -> str:
        """Definition, in a sentence or two."""
        return (self.quantity.__doc__ or "").partition("\n")[0]

    def score(self, statistics: GroupStatistics, draws: Floats) -> Floats:
        """Compute the metric of one repeat for each draw of the units, shape (n_draws, n_units) -> (n_draws,).

        NaN where it is undefined.
        """
        weighted = statistics.weighted(self.level, draws)
        return np.full(len(draws), np.nan) if weighted is None else self.quantity(weighted)


_METRICS = (
    Metric("auroc_patient", "AUROC, patient-weighted", functions.auroc, headline=True),
    Metric("balanced_accuracy_patient", "Balanced accuracy, patient mean", functions.balanced_accuracy, headline=True),
    Metric("sensitivity_patient", "Sensitivity, patient mean", functions.sensitivity, binary=True, headline=True),
    Metric("specificity_patient", "Specificity, patient mean", functions.specificity, binary=True, headline=True),
    Metric("auprc_patient", "AUPRC, patient-weighted", functions.average_precision, draws=AUPRC_DRAWS),
    Metric("macro_f1_patient", "Macro F1, patient-weighted", functions.macro_f1),
    Metric("mcc_patient", "MCC, patient-weighted", functions.matthews),
    Metric("accuracy_patient", "Accuracy, patient-weighted", functions.accuracy),
    Metric("brier_patient", "Brier score, patient-weighted", functions.brier, low_is_good=True),
    Metric("log_loss_patient", "Log loss, patient-weighted", functions.log_loss, low_is_good=True),
    Metric("ece_patient", "ECE, patient-weighted", functions.calibration_error, low_is_good=True),
    Metric("weighted_f1_cell", "Weighted F1, cell level", functions.weighted_f1, headline=True),
    Metric("auroc_cell", "AUROC, cell level", functions.auroc),
    Metric("auprc_cell", "AUPRC, cell level", functions.average_precision, draws=AUPRC_DRAWS),
    Metric("balanced_accuracy_cell", "Balanced accuracy, cell level", functions.balanced_accuracy),
    Metric("sensitivity_cell", "Sensitivity, cell level", functions.sensitivity, binary=True),
    Metric("specificity_cell", "Specificity, cell level", functions.specificity, binary=True),
    Metric("macro_f1_cell", "Macro F1, cell level", functions.macro_f1),
    Metric("mcc_cell", "MCC, cell level", functions.matthews),
    Metric("accuracy_cell", "Accuracy, cell level", functions.accuracy),
    Metric("brier_cell", "Brier score, cell level", functions.brier, low_is_good=True),
    Metric("log_loss_cell", "Log loss, cell level", functions.log_loss, low_is_good=True),
    Metric("auroc_per_patient", "AUROC, per patient", functions.auroc, headline=True),
    Metric("accuracy_per_patient", "Accuracy, per patient", functions.accuracy, proportion=True),
    Metric("balanced_accuracy_per_patient", "Balanced accuracy, per patient", functions.balanced_accuracy),
    Metric("sensitivity_per_patient", "Sensitivity, per patient", functions.sensitivity, binary=True, proportion=True),
    Metric("specificity_per_patient", "Specificity, per patient", functions.specificity, binary=True, proportion=True),
)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
PRIMARY = "auroc_patient"


def score(
    predictions: pd.DataFrame,
    *,
    classes: Sequence[str],
    positive: str | None,
    aggregate: str = "mean",
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute every metric with its 95 % interval over patients, conditional on the fitted models.

    Repeats are averaged after scoring, in the estimate and in every draw. AUROC compares only pairs of cells that one
    fitted model predicted (one fold of one repeat); AUPRC is the mean over folds; counts and losses are pooled over
    folds. With more than two classes AUROC and AUPRC are one-vs-rest means over the classes.

    Parameters
    ----------
    predictions : DataFrame
        Columns `unit`, `label`, `repeat`, `fold`, `threshold`, `patient_threshold` and `p_<class>` for each class; one
        row per predicted cell. Without the column `patient_threshold` (two classes) patients have scores but no
        decisions.
    classes : sequence of str
        The labels, in sort order.
    positive : str or None
        Positive class; two classes only.
    aggregate : {"mean", "logit", "share"}
        Aggregation of a patient's cells into one score.
    draws : int
        Bootstrap draws of patients, stratified by class; `Metric.draws` limits them for AUPRC.

    Returns
    -------
    DataFrame
        Columns `metric`, `value`, `low`, `high` (float64; NaN where undefined), `repeat_sd` (NaN with one repeat),
        `method` of the interval or the reason why there is none (`bench.scores.intervals`), and `n`: number of
        patients in the denominator of a proportion, else 0.

    Raises
    ------
    BenchError
        Probabilities are not finite, are outside [0, 1] or do not sum to 1; a label is not a class; a threshold is
        missing.
    """
    read = read_predictions(predictions, classes=classes, positive=positive, aggregate=aggregate)
    return score_metrics(read, [m for m in METRICS.values() if len(classes) == 2 or not m.binary], draws, seed)


def score_metrics(read: Predictions, metrics: Sequence[Metric], draws: int, seed: int) -> pd.DataFrame:
    """Compute metrics with their intervals.

    Parameters
    ----------
    read : Predictions
        From `bench.scores.predictions.read_predictions`.
    metrics : sequence of Metric
        Metrics to compute, with distinct names; those that are binary need two classes.
    draws, seed : int
        See `score`.

    Returns
    -------
    DataFrame
        As `score`, in the order of the metrics.
    """
    ones = np.ones((1, len(read.units)))
    each = {m.name: np.array([m.score(statistics, ones)[0] for statistics in read.repeats]) for m in metrics}
    known = {m.name: _known_interval(m, float(each[m.name].mean()), read) for m in metrics}
    drawn = score_draws(read, [m for m in metrics if known[m.name] is None], read.draw(draws, seed))
    lines = []
    for metric in metrics:
        values = each[metric.name]
        value = float(values.mean())
        repeat_sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        low, high, method = known[metric.name] or bootstrap_interval(drawn[metric.name], read)
        lines.append((metric.name, value, low, high, repeat_sd, method, _denominator(metric, value, read)))
    return pd.DataFrame(lines, columns=["metric", "value", "low", "high", "repeat_sd", "method", "n"])


def score_draws(predictions: Predictions, metrics: Iterable[Metric], draws: Floats) -> dict[str, Floats]:
    """Compute metrics for each draw of the units, averaged over the repeats.

    Parameters
    ----------
    predictions : Predictions
        From `bench.scores.predictions.read_predictions`.
    metrics : iterable of Metric
        Metrics to compute.
    draws : ndarray of float64, shape (n_draws, n_units)
        Count of each unit in each draw; a row of ones gives the estimate.

    Returns
    -------
    dict of str to ndarray of float64
        By name; shape (n_draws,), or (Metric.draws,) where that is less. NaN where the metric is undefined; every
        metric is in a draw without cells of some class.
    """
    wanted = list(metrics)
    parts: dict[str, list[Floats]] = {m.name: [] for m in wanted}
    # Many small products: BLAS threads would compete with each other and with the workers.
    with threadpool_limits(1, user_api="blas"):
        for first in range(0, len(draws), CHUNK):
            chunk = draws[first : first + CHUNK]
            here = [m for m in wanted if m.draws is None or first < m.draws]
            complete = predictions.has_every_class(chunk)
            each = [_scores(statistics, here, chunk, first) for statistics in predictions.repeats]
            for m in here:
                mean = np.mean([scores[m.name] for scores in each], axis=0)
                parts[m.name].append(np.where(complete[: len(mean)], mean, np.nan))
    return {name: np.concatenate(values) for name, values in parts.items()}


def weighted_auroc(scores: Floats, is_class: Flags, groups: Values) -> float:
    """Compute the AUROC of one fitted model with weight 1 / (cells of the group) for each cell."""
    return float(roc_auc_score(is_class, scores, sample_weight=patient_weights(groups)))


def _known_interval(metric: Metric, value: float, predictions: Predictions) -> Interval | None:
    """Return the interval of a metric that needs no bootstrap; None for any other."""
    if not metric.proportion:
        return known_interval(metric.name, metric.level, value, predictions)
    n = _denominator(metric, value, predictions)
    # With repeats: of the mean share and the same number of patients.
    return Interval(*wilson(min(round(value * n, 9), n), n), WILSON) if n else Interval(math.nan, math.nan, UNDEFINED)


def _scores(statistics: GroupStatistics, metrics: Sequence[Metric], draws: Floats, first: int) -> dict[str, Floats]:
    """Score one repeat; `first` is the number of the first draw."""
    scores = {}
    for level in LEVELS:
        weighted = statistics.weighted(level, draws)
        for m in (m for m in metrics if m.level == level):
            n = len(draws) if m.draws is None else min(len(draws), m.draws - first)
            if weighted is None:
                scores[m.name] = np.full(n, np.nan)
            else:
                scores[m.name] = m.quantity(weighted if n == len(draws) else weighted.head(n))
    return scores


def _denominator(metric: Metric, value: float, predictions: Predictions) -> int:
    """Number of patients in the denominator of a proportion; 0 for other metrics and undefined ones."""
    patients = predictions.repeats[0].patients
    if patients is None or not metric.proportion or not math.isfinite(value):
        return 0
    labels, positive = patients.labels, patients.positive
    of_class = {"sensitivity_per_patient": labels == positive, "specificity_per_patient": labels != positive}
    return int(of_class.get(metric.name, np.ones(len(labels), dtype=np.bool_)).sum())
