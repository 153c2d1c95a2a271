"""The primary metric: its value, and the difference between two predictions with a paired interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.scores.intervals import BRACKETS, interval_text
from bench.scores.metrics import METRICS, PRIMARY, score_draws
from bench.scores.predictions import Predictions, read_predictions
from bench.statistics.arrays import Floats
from bench.statistics.bootstrap import percentile_interval

DRAWS = 10_000


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} {interval_text(self.low, self.high, form=BRACKETS)}"


def primary_estimate(scores: pd.DataFrame) -> Estimate:
    """Return the primary metric of a table of scores (`bench.scores.metrics.score`) with its interval."""
    row = scores.loc[scores["metric"] == PRIMARY, ["value", "low", "high"]].to_numpy(dtype=np.float64)[0]
    return Estimate(*row.tolist())


def primary_score(predictions: pd.DataFrame, *, classes: Sequence[str], positive: str | None) -> float:
    """Compute the patient-weighted AUROC, averaged over the repeats; equals that of `bench.scores.metrics.score`.

    Raises
    ------
    BenchError
        The metric is undefined: no fitted model predicted cells of two classes.
    """
    read = read_predictions(predictions, classes=classes, positive=positive)
    value = float(_drawn(read, np.ones((1, len(read.units))))[0])
    if not np.isfinite(value):
        raise BenchError(f"{METRICS[PRIMARY].title}: undefined, because no fitted model predicted cells of two classes")
    return value


def primary_gap(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    classes: Sequence[str],
    positive: str | None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Difference of the primary metric between two predictions of the same cells, with a paired patient bootstrap.

    Every draw of patients is scored on both. The interval is conditional on the fitted models: it reflects the sampling
    of test patients, not of training patients. It is undefined where no draw changes the difference of two different
    predictions, as of two scores of 1.

    Parameters
    ----------
    first, second : DataFrame
        Predictions of the same split units, as an experiment's `predictions`.
    draws : int
        Bootstrap draws of patients, stratified by class.

    Raises
    ------
    BenchError
        The predictions are of different patients.
    """
    a, b = (read_predictions(p, classes=classes, positive=positive) for p in (first, second))
    if not np.array_equal(a.units, b.units):
        raise BenchError("two sets of predictions can only be compared on the same patients")
    ones = np.ones((1, len(a.units)))
    value = _drawn(a, ones) - _drawn(b, ones)
    weights = a.draw(draws, seed)
    low, high = percentile_interval(_drawn(a, weights) - _drawn(b, weights))
    if low == high and not (a.constant and b.constant) and not first.equals(second):
        low = high = math.nan
    return Estimate(float(value[0]), low, high)


def _drawn(predictions: Predictions, weights: Floats) -> Floats:
    return score_draws(predictions, [METRICS[PRIMARY]], weights)[PRIMARY]
