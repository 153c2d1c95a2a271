"""Rank statistics of several pipelines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from bench.statistics.arrays import Floats


@dataclass(frozen=True)
class Friedman:
    """Result of Friedman's test of equal pipelines.

    Parameters
    ----------
    ranks : ndarray of float64, shape (n_pipelines,)
        Mean rank of each, 1 for the best.
    chi2, p : float
        Friedman's statistic, corrected for ties, and its chi-squared p-value; 0 and 1 where all tie in every block.
    blocks : int
        Number of blocks.
    """

    ranks: Floats
    chi2: float
    p: float
    blocks: int


def friedman(scores: npt.ArrayLike) -> Friedman:
    """Compute Friedman's test with independent blocks.

    Blocks are patients (scored by fixed models) or datasets, never folds: folds share training patients, and the test
    would reject in almost every second null study.

    Parameters
    ----------
    scores : array-like of float, shape (n_blocks, n_pipelines)
        Higher is better; at least two blocks and three pipelines.

    References
    ----------
    Demsar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7:1.
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 2 or s.shape[0] < 2 or s.shape[1] < 3 or not np.isfinite(s).all():
        raise ValueError(f"scores has the shape {s.shape}; expected finite scores of at least 2 blocks and 3 pipelines")
    ranks = rankdata(-s, axis=1).mean(axis=0)
    if (s == s[:, :1]).all():
        return Friedman(ranks, 0.0, 1.0, len(s))
    result = friedmanchisquare(*s.T)
    return Friedman(ranks, float(result.statistic), float(result.pvalue), len(s))


def nemenyi_difference(pipelines: int, blocks: int, *, level: float = 0.05) -> float:
    """Compute the critical difference of mean ranks of the Nemenyi test (Demsar 2006, section 3.2.2).

    q sqrt(k (k + 1) / (6 N)) with q the studentised range statistic divided by the square root of 2.
    """
    q = studentized_range.ppf(1 - level, pipelines, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(pipelines * (pipelines + 1) / (6 * blocks)))


def rank_distribution(drawn: npt.ArrayLike, *, level: float = 0.95) -> pd.DataFrame:
    """Summarise the bootstrap distribution of pipeline ranks.

    Parameters
    ----------
    drawn : array-like of float, shape (n_draws, n_pipelines)
        Score of each pipeline in each bootstrap replicate; a row has the same patients for all, higher is better. Rows
        with a score that is not finite are omitted.

    Returns
    -------
    DataFrame
        One row per pipeline: `median`, `low`, `high` (1 is the best), and `best`, the share of replicates in which it
        is the best (divided among ties).
    """
    d = np.asarray(drawn, dtype=np.float64)
    d = d[np.isfinite(d).all(axis=1)]
    if not len(d):
        return pd.DataFrame(np.full((np.asarray(drawn).shape[1], 4), np.nan), columns=["median", "low", "high", "best"])
    ranks = rankdata(-d, axis=1)
    first = d == d.max(axis=1, keepdims=True)
    low, median, high = np.quantile(ranks, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    best = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    return pd.DataFrame({"median": median, "low": low, "high": high, "best": best})


def win_rate(differences: npt.ArrayLike) -> float:
    """Share of patients for whom the first pipeline is better, ties counting half; NaN without patients."""
    d = np.asarray(differences, dtype=np.float64)
    return float((np.sum(d > 0) + np.sum(d == 0) / 2) / len(d)) if len(d) else float("nan")
