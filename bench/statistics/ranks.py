"""Many pipelines at once: how sure their order is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import f as fisher
from scipy.stats import friedmanchisquare, rankdata, studentized_range

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all pipelines are alike.

    Parameters
    ----------
    ranks : ndarray of float64, shape (n_pipelines,)
        Mean rank of each, 1 for the best.
    chi2 : float
        Friedman's statistic without a correction for ties, as Demsar (2006) gives it.
    f, p : float
        Iman and Davenport's F from it, and its p-value.
    chi2_ties, p_ties : float
        The statistic corrected for ties and its chi-squared p-value; 0 and 1 where all tie in every block.
    blocks : int
        Blocks.
    """

    ranks: Floats
    chi2: float
    f: float
    p: float
    chi2_ties: float
    p_ties: float
    blocks: int


def friedman(scores: npt.ArrayLike) -> Friedman:
    """Test whether pipelines differ, over blocks that are independent of each other.

    Blocks are patients (scored by fixed models) or data sets, never folds: those share their training patients, and
    the test would reject almost every second time where nothing differs.

    Parameters
    ----------
    scores : array-like of float, shape (n_blocks, n_pipelines)
        Higher is better; two blocks and three pipelines at least.

    References
    ----------
    Demsar 2006, Statistical comparisons of classifiers over multiple data sets, JMLR 7:1.
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 2 or s.shape[0] < 2 or s.shape[1] < 3 or not np.isfinite(s).all():
        raise ValueError(
            f"scores has the shape {s.shape}; finite scores of 2 blocks and 3 pipelines at least are needed"
        )
    n, k = s.shape
    ranks = rankdata(-s, axis=1).mean(axis=0)
    chi2 = 12 * n / (k * (k + 1)) * float((ranks**2).sum() - k * (k + 1) ** 2 / 4)
    room = n * (k - 1) - chi2
    f = (n - 1) * chi2 / room if room > 0 else float("inf")
    p = float(fisher.sf(f, k - 1, (k - 1) * (n - 1)))
    if (s == s[:, :1]).all():
        return Friedman(ranks, chi2, f, p, 0.0, 1.0, n)
    ties = friedmanchisquare(*s.T)
    return Friedman(ranks, chi2, f, p, float(ties.statistic), float(ties.pvalue), n)


def nemenyi_difference(pipelines: int, blocks: int, *, level: float = 0.05) -> float:
    """Critical difference of mean ranks of the Nemenyi test (Demsar 2006, section 3.2.2).

    q sqrt(k (k + 1) / (6 N)) with q the studentised range statistic over the square root of 2.
    """
    q = studentized_range.ppf(1 - level, pipelines, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(pipelines * (pipelines + 1) / (6 * blocks)))


def rank_distribution(drawn: npt.ArrayLike, *, level: float = 0.95) -> pd.DataFrame:
    """How the ranks of pipelines vary when patients are drawn anew.

    Parameters
    ----------
    drawn : array-like of float, shape (n_draws, n_pipelines)
        Score of each pipeline in each bootstrap replicate, the same patients in a row; higher is better. Rows with a
        score that is not finite are left out.

    Returns
    -------
    DataFrame
        One row a pipeline: `median`, `low`, `high` (1 is the best), and `best`, the share of replicates in which it
        is the best (shared between those that tie).
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
    """Share of patients on whom the first pipeline does better, ties counting half; NaN without patients."""
    d = np.asarray(differences, dtype=np.float64)
    return float((np.sum(d > 0) + np.sum(d == 0) / 2) / len(d)) if len(d) else float("nan")


def elo_difference(rate: float) -> float:
    """The difference of two Elo ratings under which the better one wins this share: 400 log10(p / (1 - p))."""
    if not 0 <= rate <= 1:
        raise ValueError(f"a win rate lies between 0 and 1, not at {rate}")
    with np.errstate(divide="ignore"):
        return float(400 * (np.log10(rate) - np.log10(1 - rate)))
