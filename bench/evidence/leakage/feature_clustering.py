"""How alike the cells of a patient are, in features and in scores, and how many independent cells they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.statistics.clustering import design_effect, effective_cells, nested
from bench.statistics.multiple import holm

TOP = 5
"""Features that are named."""

LEVEL = 0.05
"""Of the test whether a feature differs between classes."""

_COLUMNS = 256
_EDGE = 1e-6


@dataclass(frozen=True)
class FeatureClustering:
    """How features vary between classes, between patients of a class, and between cells of a patient.

    Parameters
    ----------
    features : int
        Features that vary and exist often enough to have an intra-class correlation, class means removed.
    median : float
        Median correlation over these.
    top : tuple of (str, float)
        Name and correlation of the highest.
    of_class, of_patients, of_cells : float
        Mean shares of their sums of squares: classes, patients within classes, cells within patients.
    differing : int or None
        Of these features, how many differ between the classes by the F-test of the patients' means, at a level
        of `LEVEL` after Holm's correction over the features; None where a patient has cells of several classes.
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
    """The same of an experiment's own scores, and what it does to the number of cells.

    Parameters
    ----------
    icc : float
        Intra-class correlation of the logit of the probability of the cell's own class, on unseen patients; class means
        removed in each fold, mean over repeats.
    design_effect : float
        1 + (n' - 1) icc with n' = sum n**2 / sum n over the cells n of each patient, icc at least 0.
    cells : int
        Cells.
    effective_cells : float
        Cells / design effect: so many independent cells would tell as much.
    """

    icc: float
    design_effect: float
    cells: int
    effective_cells: float


def feature_clustering(
    values: npt.NDArray[Any], names: Sequence[str], labels: npt.NDArray[Any], units: npt.NDArray[Any]
) -> FeatureClustering | None:
    """The nested analysis of variance of each feature.

    Parameters
    ----------
    values : ndarray, shape (n_cells, n_features)
        NaN where a feature does not exist; those cells are left out for it.
    names : sequence of str
        Of the features.
    labels, units : ndarray of str, shape (n_cells,)
        Class and split unit of each cell.

    Returns
    -------
    FeatureClustering or None
        None where no feature has a correlation.
    """
    parts = [nested(values[:, first : first + _COLUMNS], labels, units) for first in range(0, len(names), _COLUMNS)]
    icc, p, *shares = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("icc", "p", "of_class", "of_patients", "of_cells")
    )
    defined = np.flatnonzero(np.isfinite(icc))
    if not len(defined):
        return None
    highest = defined[np.argsort(-icc[defined], kind="stable")][:TOP]
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
    """The intra-class correlation of an experiment's scores.

    Parameters
    ----------
    predictions : DataFrame
        As an experiment's `predictions`.

    Returns
    -------
    ScoreClustering or None
        None where it is undefined: constant scores, no patient with two cells of a class, one patient a fold.
    """
    found, sizes = [], np.zeros(0, dtype=np.intp)
    for _, part in predictions.groupby("repeat", sort=True):
        p = part[[f"p_{c}" for c in classes]].to_numpy(dtype=np.float64)
        own = np.searchsorted(np.asarray(classes), part["label"].to_numpy().astype(str))
        mine = np.clip(p[np.arange(len(p)), own], _EDGE, 1 - _EDGE)
        # Each fold has a model of its own, whose level is no matter of the patients.
        stratum = part["fold"].astype(str).to_numpy() + "/" + part["label"].to_numpy().astype(str)
        units = part["unit"].to_numpy().astype(str)
        found.append(nested(np.log(mine / (1 - mine))[:, None], stratum, units).icc[0])
        sizes = np.unique(units, return_counts=True)[1]
    icc = float(np.mean(found))
    if not np.isfinite(icc):
        return None
    return ScoreClustering(icc, design_effect(sizes, icc), int(sizes.sum()), effective_cells(sizes, icc))
