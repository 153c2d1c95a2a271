"""How alike the cells of a patient are, in features and in scores, and how many independent cells they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.statistics.clustering import design_effect, effective_cells

Floats = npt.NDArray[np.float64]

TOP = 5
"""Features that are named."""

_COLUMNS = 256
_EDGE = 1e-6


@dataclass(frozen=True)
class FeatureClustering:
    """Intra-class correlations of features, class means removed.

    Parameters
    ----------
    features : int
        Features that vary and exist often enough to have one.
    median : float
        Median over these.
    top : tuple of (str, float)
        Name and correlation of the highest.
    """

    features: int
    median: float
    top: tuple[tuple[str, float], ...]


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
    """The intra-class correlation of each feature.

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
    columns = [
        nested_icc(values[:, start : start + _COLUMNS], labels, units) for start in range(0, len(names), _COLUMNS)
    ]
    icc = np.concatenate(columns)
    defined = np.flatnonzero(np.isfinite(icc))
    if not len(defined):
        return None
    highest = defined[np.argsort(-icc[defined], kind="stable")][:TOP]
    top = tuple((str(names[i]), float(icc[i])) for i in highest)
    return FeatureClustering(len(defined), float(np.median(icc[defined])), top)


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
        found.append(nested_icc(np.log(mine / (1 - mine))[:, None], stratum, units)[0])
        sizes = np.unique(units, return_counts=True)[1]
    icc = float(np.mean(found))
    if not np.isfinite(icc):
        return None
    return ScoreClustering(icc, design_effect(sizes, icc), int(sizes.sum()), effective_cells(sizes, icc))


def nested_icc(values: npt.NDArray[Any], strata: npt.NDArray[Any], units: npt.NDArray[Any]) -> Floats:
    """ICC(1) of each column by the analysis of variance of units within strata, so that stratum means do not count.

    (MSB - MSW) / (MSB + (n0 - 1) MSW), with the mean squares between units of one stratum and within units, and
    n0 = (N - sum over strata of sum n**2 / N_stratum) / (units - strata). With one stratum this is
    `bench.statistics.clustering.icc`; with more, each stratum takes its degree of freedom.

    Parameters
    ----------
    values : ndarray, shape (n, n_columns)
        NaN is left out, column by column.
    strata, units : ndarray, shape (n,)
        A unit in several strata counts as one in each.

    Returns
    -------
    ndarray of float64, shape (n_columns,)
        At most 1, negative where units are more alike than their cells; NaN for a constant column, or where no stratum
        has two units, or no unit two cells.
    """
    stratum = np.unique(strata, return_inverse=True)[1]
    unit = np.unique(units, return_inverse=True)[1]
    key = stratum * (int(unit.max(initial=0)) + 1) + unit
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    strata_of_groups = stratum[order][starts]
    strata_starts = np.flatnonzero(np.diff(strata_of_groups, prepend=-1))
    x = np.asarray(values, dtype=np.float64)[order]
    there = ~np.isnan(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Centred first, so that sums of squares lose no digits.
        x = np.where(there, x - np.where(there, x, 0).sum(axis=0) / there.sum(axis=0), 0.0)
        n, total = (np.add.reduceat(a, starts, axis=0) for a in (there.astype(np.float64), x))
        big_n, big_total = (np.add.reduceat(a, strata_starts, axis=0) for a in (n, total))
        of_units, of_strata = _over(total**2, n).sum(axis=0), _over(big_total**2, big_n).sum(axis=0)
        between = (n > 0).sum(axis=0) - (big_n > 0).sum(axis=0)
        within = n.sum(axis=0) - (n > 0).sum(axis=0)
        squares = (x**2).sum(axis=0)
        msb, msw = (of_units - of_strata) / between, np.maximum(squares - of_units, 0.0) / within
        uneven = _over(np.add.reduceat(n**2, strata_starts, axis=0), big_n).sum(axis=0)
        n0 = (n.sum(axis=0) - uneven) / between
        icc = (msb - msw) / (msb + (n0 - 1) * msw)
    constant = squares - of_strata <= 1e-12 * np.maximum(squares, np.finfo(float).tiny)
    return np.where(constant | (between <= 0) | (within <= 0), np.nan, icc)


def _over(a: Floats, b: Floats) -> Floats:
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)
