"""How much better the best tuning trial looks on the inner folds than the tuned pipeline is on the outer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.scores.metrics import weighted_auroc
from bench.scores.predictions import probability_columns

COLUMNS = ("repeat", "fold", "inner_best", "outer", "optimism")

RAW = "raw_"
"""How the columns of probabilities begin that are as the classifier gave them, where calibrated ones stand beside."""


@dataclass(frozen=True)
class Optimism:
    """Means over the outer folds.

    Parameters
    ----------
    inner_best, outer : float
        The best trial's score on the inner folds, and the tuned pipeline's on the outer fold.
    mean, sd : float
        Of their difference; the standard deviation between folds is NaN with one fold.
    folds : int
        Outer folds in which both are defined, over all repeats.

    As text it is one line: `inner best 0.84 - outer 0.79 = 0.05 (mean of 5 folds, SD 0.03)`.
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
    """Inner best and outer score of each outer fold, both in the score that tuning maximises.

    The best of many trials was picked for its score, so that it looks better than it is; the outer fold, which took no
    part in the choice, says by how much. (The pipeline of the outer fold also saw more training patients than a trial,
    which makes the difference smaller.)

    Parameters
    ----------
    trials : DataFrame
        Columns `state`, `value`, `repeat`, `fold`, as `bench.evaluation.tuning` gives them; empty without tuning.
    predictions : DataFrame
        Columns `label`, `repeat`, `fold` and `p_<class>`, or `raw_<class>` where these are calibrated.
    classes : sequence of str
        The labels.
    positive : str or None
        Positive class of two.
    unit : str
        Column of what weighed the same in tuning: `cell` where folds were split by image.

    Returns
    -------
    DataFrame
        Columns `repeat`, `fold` (int), `inner_best` (highest value of a complete trial), `outer` (AUROC of the fold's
        test cells, every `unit` weighing the same; with more classes, the mean of each against the rest; NaN where the
        fold lacks a class) and `optimism` (their difference); one row a tuned fold.
    """
    if not len(trials):
        return pd.DataFrame({c: pd.Series(dtype=int if c in COLUMNS[:2] else float) for c in COLUMNS})
    best = trials[trials["state"] == "complete"].groupby(["repeat", "fold"], sort=True)["value"].max()
    tested = dict(iter(predictions.groupby(["repeat", "fold"], sort=True)))
    found = best.rename("inner_best").reset_index()
    keys = zip(found["repeat"], found["fold"], strict=True)
    outer = np.array([_outer(tested[key], classes, positive, unit) for key in keys], dtype=np.float64)
    return found.assign(outer=outer, optimism=found["inner_best"] - outer)[list(COLUMNS)]


def summary(table: pd.DataFrame) -> Optimism | None:
    """Means over the folds where both scores are defined; None where there is none."""
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


def _outer(tested: pd.DataFrame, classes: Sequence[str], positive: str | None, unit: str) -> float:
    labels = tested["label"].to_numpy().astype(str)
    if set(classes) - set(labels):
        return float("nan")
    raw = all(f"{RAW}{c}" in tested for c in classes)
    columns = [f"{RAW}{c}" for c in classes] if raw else probability_columns(classes)
    column_of = dict(zip(classes, columns, strict=True))
    units = tested[unit].to_numpy()
    scored = [positive] if len(classes) == 2 and positive is not None else classes
    return float(np.mean([weighted_auroc(tested[column_of[c]].to_numpy(), labels == c, units) for c in scored]))
