"""Optimism of tuning: the best trial's score on the inner folds minus the tuned pipeline's on the outer fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.scores.metrics import weighted_auroc
from bench.scores.predictions import probability_columns

COLUMNS = ("repeat", "fold", "inner_best", "outer", "optimism")
"""Columns of the table of `optimism`."""


@dataclass(frozen=True)
class Optimism:
    """Means over the outer folds.

    Parameters
    ----------
    inner_best, outer : float
        Score of the best trial on the inner folds, and of the tuned pipeline on the outer fold.
    mean, sd : float
        Mean and standard deviation of their difference over folds; the latter is NaN with one fold.
    folds : int
        Number of outer folds with both scores, over all repeats.

    `str()` gives one line: `inner best 0.84 - outer 0.79 = 0.05 (mean of 5 folds, SD 0.03)`.
    """

    inner_best: float
    outer: float
    mean: float
    sd: float
    folds: int

    def __str__(self) -> str:
        sd = "" if self.folds == 1 else f", SD {self.sd:.2f}"
        folds = f"{self.folds} fold{'' if self.folds == 1 else 's'}"
        return f"inner best {self.inner_best:.2f} - outer {self.outer:.2f} = {self.mean:.2f} (mean of {folds}{sd})"


def optimism(
    trials: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    classes: Sequence[str],
    positive: str | None,
    unit: str = "unit",
) -> pd.DataFrame:
    """Compare inner best and outer score of each outer fold, both in the metric that tuning maximises.

    The score of the best of many trials is biased upwards by the selection; that of the outer fold, which took no part
    in it, is not. (The pipeline of the outer fold was also fitted on more training patients than a trial, which makes
    the difference smaller.)

    Parameters
    ----------
    trials : DataFrame
        Columns `state`, `value`, `repeat`, `fold`, see `bench.evaluation.tuning`; empty without tuning.
    predictions : DataFrame
        Columns `label`, `repeat`, `fold` and `p_<class>`, or `raw_<class>` with calibration.
    classes : sequence of str
        The labels.
    positive : str or None
        Positive class of two.
    unit : str
        Column of the groups that are weighted equally, as in tuning: `cell` for a split by image.

    Returns
    -------
    DataFrame
        Columns `repeat`, `fold` (int), `inner_best` (highest value of a complete trial), `outer` (AUROC of the fold's
        test cells with equal weight per `unit`; with more classes, the mean of each against the rest; NaN if the fold
        lacks a class) and `optimism` (their difference); one row per tuned fold.
    """
    if not len(trials):
        return pd.DataFrame({c: pd.Series(dtype=int if c in COLUMNS[:2] else float) for c in COLUMNS})
    best = trials[trials["state"] == "complete"].groupby(["repeat", "fold"], sort=True)["value"].max()
    tested = dict(iter(uncalibrated(predictions, classes).groupby(["repeat", "fold"], sort=True)))
    table = best.rename("inner_best").reset_index()
    keys = zip(table["repeat"], table["fold"], strict=True)
    outer = np.array([_outer(tested[key], classes, positive, unit) for key in keys], dtype=np.float64)
    return table.assign(outer=outer, optimism=table["inner_best"] - outer)[list(COLUMNS)]


def summary(table: pd.DataFrame) -> Optimism | None:
    """Return the means over the folds with both scores; None if there are none."""
    if not len(table):
        return None
    defined = table.dropna(subset=["inner_best", "outer"])
    if defined.empty:
        return None
    return Optimism(
        inner_best=float(defined["inner_best"].mean()),
        outer=float(defined["outer"].mean()),
        mean=float(defined["optimism"].mean()),
        sd=float(defined["optimism"].std(ddof=1)),
        folds=len(defined),
    )


def uncalibrated(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the predictions with the probabilities before calibration."""
    raw = [f"raw_{label}" for label in classes]
    if not set(raw) <= set(predictions.columns):
        return predictions
    table = predictions.drop(columns=raw)
    table[probability_columns(classes)] = predictions[raw].to_numpy()
    return table


def _outer(tested: pd.DataFrame, classes: Sequence[str], positive: str | None, unit: str) -> float:
    labels = tested["label"].to_numpy().astype(str)
    if set(classes) - set(labels):
        return float("nan")
    column_of = dict(zip(classes, probability_columns(classes), strict=True))
    units = tested[unit].to_numpy()
    scored = [positive] if len(classes) == 2 and positive is not None else classes
    return float(np.mean([weighted_auroc(tested[column_of[c]].to_numpy(), labels == c, units) for c in scored]))
