"""Clustering of errors in patients: the share of patients with only correct or only wrong cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.scores.predictions import read_predictions


@dataclass(frozen=True)
class ErrorClustering:
    """Patients by their share of correctly classified cells.

    Parameters
    ----------
    patients : int
        Split units with at least two cells of one class; a single cell shows no clustering.
    all_right, all_wrong : float
        Share of these units with only correct, and with only wrong cells; mean over repeats, in [0, 1].
    all_right_expected, all_wrong_expected : float
        The same under independent errors with the error rate of the class.
    """

    patients: int
    all_right: float
    all_wrong: float
    all_right_expected: float
    all_wrong_expected: float


def error_clustering(
    predictions: pd.DataFrame, *, classes: Sequence[str], positive: str | None
) -> ErrorClustering | None:
    """Measure the clustering of out-of-fold errors in patients.

    The expected shares are the means of q**n and (1 - q)**n, with n the cells of the patient and q the share of the
    class's cells (with equal patient weights) that are correct.

    Parameters
    ----------
    predictions : DataFrame
        As an experiment's `predictions`. A patient with cells of several classes counts once for each.

    Returns
    -------
    ErrorClustering or None
        None where no patient has two cells of a class.
    """
    read = read_predictions(predictions, classes=classes, positive=positive)
    cells = [r.cells for r in read.repeats]
    parts = [pd.DataFrame({"label": c.labels, "unit": c.unit_of, "correct": c.decided == c.labels}) for c in cells]
    table = pd.concat(parts, keys=range(len(parts)), names=["repeat"])
    each = table.groupby(["repeat", "label", "unit"])["correct"].agg(["mean", "size"]).reset_index()
    each = each[each["size"] > 1]
    if not len(each):
        return None
    rate = each.groupby(["repeat", "label"])["mean"].transform("mean").to_numpy(dtype=np.float64)
    size = each["size"].to_numpy()
    share = each["mean"].to_numpy(dtype=np.float64)
    return ErrorClustering(
        patients=len(each) // int(each["repeat"].nunique()),
        all_right=float((share == 1).mean()),
        all_wrong=float((share == 0).mean()),
        all_right_expected=float((rate**size).mean()),
        all_wrong_expected=float(((1 - rate) ** size).mean()),
    )
