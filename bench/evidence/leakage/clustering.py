"""Clustering of features, scores and errors in patients, and the effective number of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.evidence.text import LEVEL
from bench.scores.predictions import probability_columns, read_predictions
from bench.statistics.arrays import Values
from bench.statistics.clustering import design_effect, effective_cells, nested_anova
from bench.statistics.multiple import holm

N_TOP = 5
"""Number of features that are listed."""

_COLUMNS = 256
_EDGE = 1e-6


@dataclass(frozen=True)
class FeatureClustering:
    """Variation of features between classes, between patients of a class, and between cells of a patient.

    Parameters
    ----------
    features : int
        Number of features with a defined intraclass correlation, class means removed.
    median : float
        Median correlation of these features.
    top : tuple of (str, float)
        Names and values of the highest correlations.
    of_class, of_patients, of_cells : float
        Mean shares of the sum of squares: classes, patients within classes, cells within patients.
    differing : int or None
        Number of these features that differ between classes by the F-test of patient means, at `LEVEL` after Holm's
        correction over the features; None where a patient has cells of several classes.
    """

    features: int
    median: float
    top: tuple[tuple[str, float], ...]
    of_class: float
    of_patients: float
    of_cells: float
    differing: int | None


@dataclass(frozen=True)
class ScoreClustering:
    """Clustering of an experiment's scores, and the resulting effective number of cells.

    Parameters
    ----------
    icc : float
        Intraclass correlation of the logit of the probability of the true class, on unseen patients; class means
        removed in each fold, mean over repeats.
    design_effect : float
        1 + (n' - 1) icc with n' = sum n**2 / sum n over the cells n of each patient, icc at least 0.
    cells : int
        Number of cells.
    effective_cells : float
        Number of cells divided by the design effect.
    """

    icc: float
    design_effect: float
    cells: int
    effective_cells: float


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


def feature_clustering(values: Values, names: Sequence[str], labels: Values, units: Values) -> FeatureClustering | None:
    """Compute the nested analysis of variance of each feature.

    Parameters
    ----------
    values : ndarray, shape (n_cells, n_features)
        Feature values; NaN is omitted.
    names : sequence of str
        Feature names.
    labels, units : ndarray of str, shape (n_cells,)
        Class and split unit of each cell.

    Returns
    -------
    FeatureClustering or None
        None where no feature has a defined correlation.
    """
    parts = [
        nested_anova(values[:, first : first + _COLUMNS], labels, units) for first in range(0, len(names), _COLUMNS)
    ]
    icc, p, *shares = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("icc", "p", "of_class", "of_patients", "of_cells")
    )
    defined = np.flatnonzero(np.isfinite(icc))
    if not len(defined):
        return None
    highest = defined[np.argsort(-icc[defined], kind="stable")][:N_TOP]
    of_class, of_patients, of_cells = (float(share[defined].mean()) for share in shares)
    tested = np.isfinite(p[defined]).any()
    return FeatureClustering(
        features=len(defined),
        median=float(np.median(icc[defined])),
        top=tuple((str(names[i]), float(icc[i])) for i in highest),
        of_class=of_class,
        of_patients=of_patients,
        of_cells=of_cells,
        differing=int((holm(p[defined]) <= LEVEL).sum()) if tested else None,
    )


def score_clustering(predictions: pd.DataFrame, *, classes: Sequence[str]) -> ScoreClustering | None:
    """Compute the intraclass correlation of an experiment's scores.

    Parameters
    ----------
    predictions : DataFrame
        As an experiment's `predictions`.

    Returns
    -------
    ScoreClustering or None
        None where it is undefined: constant scores, no patient with two cells of a class, one patient a fold.
    """
    icc_of_repeats, sizes = [], np.zeros(0, dtype=np.intp)
    for _, part in predictions.groupby("repeat", sort=True):
        p = part[probability_columns(classes)].to_numpy(dtype=np.float64)
        own = np.searchsorted(np.asarray(classes), part["label"].to_numpy().astype(str))
        p_own = np.clip(p[np.arange(len(p)), own], _EDGE, 1 - _EDGE)
        # Each fold has its own model, whose mean score is not a property of the patients.
        stratum = part["fold"].astype(str).to_numpy() + "/" + part["label"].to_numpy().astype(str)
        units = part["unit"].to_numpy().astype(str)
        icc_of_repeats.append(nested_anova(np.log(p_own / (1 - p_own))[:, None], stratum, units).icc[0])
        sizes = np.unique(units, return_counts=True)[1]
    icc = float(np.mean(icc_of_repeats))
    if not np.isfinite(icc):
        return None
    return ScoreClustering(icc, design_effect(sizes, icc), int(sizes.sum()), effective_cells(sizes, icc))


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
