"""McNemar tests of two pipelines on the same cells, with patients as the independent units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

Method = Literal["durkalski", "obuchowski", "yang"]


@dataclass(frozen=True)
class McNemar:
    """A chi-squared statistic with one degree of freedom, and its p-value."""

    statistic: float
    p: float


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Compute the exact two-sided p-value for independent cells from the discordant counts."""
    from statsmodels.stats.contingency_tables import mcnemar  # noqa: PLC0415 (takes a second to import)

    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def clustered_mcnemar(
    only_first: npt.ArrayLike, only_second: npt.ArrayLike, cells: npt.ArrayLike, *, method: Method = "durkalski"
) -> McNemar:
    """Compute McNemar's test for cells clustered in patients.

    Parameters
    ----------
    only_first, only_second : array-like of int, shape (n_patients,)
        Cells of each patient that only the first, and only the second pipeline classifies correctly.
    cells : array-like of int, shape (n_patients,)
        All cells of each patient, at least 1.
    method : {"durkalski", "obuchowski", "yang"}
        Durkalski et al. (2003, Statistics in Medicine 22:2417): the squared sum over the sum of squares of the
        patients' mean differences, so that patients have equal weights. Obuchowski (1998, Statistics in Medicine
        17:1495): the same of the patients' summed differences, times (K - 1) / K for K patients, so that cells have
        equal weights.
        Yang et al. (2010, Biometrical Journal 52:638): Obuchowski's, whose sum of squares around 0 is averaged with
        that around each patient's share of the whole difference.

    Returns
    -------
    McNemar
        Statistic 0 and p 1 where no patient has more of one than of the other.

    Raises
    ------
    ValueError
        Not one entry a patient, or a patient with fewer cells than decisions that only one pipeline has right.
    """
    b, c, n = (np.asarray(x, dtype=np.float64) for x in (only_first, only_second, cells))
    if not b.shape == c.shape == n.shape:
        raise ValueError(f"counts of the shapes {b.shape}, {c.shape} and {n.shape}; one entry a patient is expected")
    if not np.all((b >= 0) & (c >= 0) & (n >= 1) & (b + c <= n)):
        raise ValueError(
            "a patient has fewer cells than decisions that only one pipeline has right, or a negative count"
        )
    d = (b - c) / n if method == "durkalski" else b - c
    squares = float((d**2).sum())
    if squares == 0:
        return McNemar(0.0, 1.0)
    if method == "yang":
        squares = (squares + float(((d - n * d.sum() / n.sum()) ** 2).sum())) / 2
    factor = 1.0 if method == "durkalski" else (len(d) - 1) / len(d)
    statistic = factor * float(d.sum()) ** 2 / squares
    return McNemar(statistic, float(chi2.sf(statistic, 1)))
