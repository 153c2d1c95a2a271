"""Patient-weighted AUROC of one fitted model: variance, confidence interval and paired difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student

from bench.statistics.arrays import Codes, Floats
from bench.statistics.boundary import equal_signs_p

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """An AUROC and its variance; `variance` is NaN where a class has fewer than two units."""

    auroc: float
    variance: float


@dataclass(frozen=True)
class Kernel:
    """Concordance of every positive patient with every negative patient.

    Parameters
    ----------
    share : ndarray of float64, shape (n_positive_patients, n_negative_patients)
        Share of concordant pairs of cells, ties counting half, in [0, 1].
    positive_cells, negative_cells : ndarray of float64
        Number of cells of each patient.
    """

    share: Floats
    positive_cells: Floats
    negative_cells: Floats


@dataclass(frozen=True)
class PairsInFolds:
    """Pairs of patients that one fitted model predicted, of one repeat.

    Parameters
    ----------
    positive, negative : ndarray of int, shapes (P,) and (Q,)
        Numbers of the patients in rows and columns.
    concordant, comparable : ndarray of float64, shape (P, Q)
        Concordance and weight of each pair with patient weights; 0 for patients of different folds.
    n_units : int
        Number of patients.
    """

    positive: Codes
    negative: Codes
    concordant: Floats
    comparable: Floats
    n_units: int


@dataclass(frozen=True)
class Difference:
    """Difference of two AUROCs on the same patients, first minus second; `error` is its standard error.

    `z` is standard normal, `p` two-sided.

    Where every pair of units has the same difference there is no variance: `z` is infinite and `p` that of the sign
    test of as many disjoint pairs as the rarer class has units, or 0 and 1 if the AUROCs are equal. NaN where a class
    has fewer than two units.
    """

    value: float
    error: float
    z: float
    p: float


def kernel_of(scores: npt.ArrayLike, is_positive: npt.ArrayLike, groups: npt.ArrayLike) -> Kernel:
    """Compute the patient x patient kernel of one model's scores.

    Parameters
    ----------
    scores : array-like of float, shape (n_cells,)
        Higher means more positive.
    is_positive : array-like of bool, shape (n_cells,)
        Whether the cell is of the positive class.
    groups : array-like, shape (n_cells,)
        Patient (split unit) of each cell.

    Returns
    -------
    Kernel
        Patients sorted by id, positive ones in rows.

    Raises
    ------
    ValueError
        A class has no cell, a patient has cells of both classes, or a score is not finite.
    """
    s, positive = np.asarray(scores, dtype=np.float64), np.asarray(is_positive, dtype=bool)
    if not np.isfinite(s).all():
        raise ValueError("a score is not finite")
    if not positive.any() or positive.all():
        raise ValueError("both classes need a cell")
    units, unit_of = np.unique(np.asarray(groups), return_inverse=True)
    cells = np.bincount(unit_of, minlength=len(units)).astype(np.float64)
    of_positive = np.bincount(unit_of, weights=positive, minlength=len(units))
    if np.any((of_positive > 0) & (of_positive < cells)):
        raise ValueError(
            f"patient {units[np.flatnonzero((of_positive > 0) & (of_positive < cells))[0]]} has cells of both classes, "
            "but every patient must have one class; use the patient bootstrap"
        )
    ours, theirs = cells[of_positive > 0], cells[of_positive == 0]
    row_of = np.unique(unit_of[positive], return_inverse=True)[1]
    column_of = np.unique(unit_of[~positive], return_inverse=True)[1]
    pairs = concordance(s[positive], s[~positive], rows=row_of, columns=column_of, shape=(len(ours), len(theirs)))
    return Kernel(pairs / np.outer(ours, theirs), ours, theirs)


def concordance(upper: Floats, lower: Floats, *, rows: Codes, columns: Codes, shape: tuple[int, int]) -> Floats:
    """Count pairs in which an upper cell of a row scores above a lower cell of a column; ties count one half.

    Parameters
    ----------
    upper, lower : ndarray of float64, shapes (n_upper,) and (n_lower,)
        Scores of the cells that should rank higher and lower; of one model or of two.
    rows, columns : ndarray of int, shapes (n_upper,) and (n_lower,)
        Patient of each, numbered from 0 in both.
    shape : tuple of int
        Number of rows and columns.

    Returns
    -------
    ndarray of float64, of that shape
        Exact counts; 0 where a row or column has no cell.
    """
    # Sorted queries make the binary searches cache-friendly.
    order = np.argsort(upper, kind="stable")
    sorted_upper, row_of = upper[order], rows[order]
    counts = np.zeros(shape)
    for j in np.unique(columns):
        rivals = np.sort(lower[columns == j])
        below = np.searchsorted(rivals, sorted_upper, "left") + np.searchsorted(rivals, sorted_upper, "right")
        counts[:, j] = np.bincount(row_of, weights=below / 2, minlength=shape[0])
    return counts


def patient_weighted(kernel: Kernel) -> Estimate:
    """Compute the AUROC with equal patient weights and the variance of the two-sample U-statistic.

    The AUROC is the mean of the kernel; its variance is var(row means) / P + var(column means) / Q, with the unbiased
    variances over the P positive and Q negative patients (DeLong, DeLong and Clarke-Pearson 1988, on patients in place
    of cells).
    """
    return Estimate(float(kernel.share.mean()), _variance(kernel.share))


def patient_weighted_in_folds(repeats: Sequence[PairsInFolds]) -> Estimate:
    """Compute the AUROC of pairs within folds, averaged over repeats, and its variance by linearisation.

    With the concordance H and the weight S of each pair of patients, the AUROC of a repeat is a = sum(H) / sum(S). The
    influence of patient i is the mean over the repeats of sum_j (H_ij - a S_ij) / sum(S), and the variance is
    P / (P - 1) times the sum of squared influences of the P positive patients, plus the same for the negative ones.
    With one model and all pairs it is the variance of `patient_weighted`. NaN without pairs, and the variance where a
    class has fewer than two patients.
    """
    n_units = repeats[0].n_units
    values, paired, influence = [], np.zeros((2, n_units), dtype=bool), np.zeros((2, n_units))
    for pairs in repeats:
        total = pairs.comparable.sum()
        if total == 0:
            return Estimate(float("nan"), float("nan"))
        values.append(float(pairs.concordant.sum() / total))
        residual = (pairs.concordant - values[-1] * pairs.comparable) / total
        for side, units in enumerate((pairs.positive, pairs.negative)):
            influence[side, units] += residual.sum(axis=1 - side) / len(repeats)
            paired[side, units] |= pairs.comparable.any(axis=1 - side)
    counts = paired.sum(axis=1)
    if counts.min() < 2:
        return Estimate(float(np.mean(values)), float("nan"))
    variance = float((counts / (counts - 1)) @ (influence**2).sum(axis=1))
    return Estimate(float(np.mean(values)), variance if variance > _ROUNDING**2 else 0.0)


def patient_weighted_difference(first: Kernel, second: Kernel) -> Difference:
    """Test the difference of two patient-weighted AUROCs by the covariance of the U-statistics.

    Raises
    ------
    ValueError
        The kernels are of different patients.
    """
    same_positive = np.array_equal(first.positive_cells, second.positive_cells)
    if not same_positive or not np.array_equal(first.negative_cells, second.negative_cells):
        raise ValueError(
            "the models were scored on different patients or cells: kernels of "
            f"{first.share.shape} and {second.share.shape}"
        )
    delta = first.share - second.share
    value, error = float(delta.mean()), float(np.sqrt(_variance(delta)))
    if error <= _ROUNDING:
        same = abs(value) <= _ROUNDING
        z, p = (0.0, 1.0) if same else (float(np.copysign(np.inf, value)), equal_signs_p(min(delta.shape)))
    else:
        z = value / error
        p = float(2 * norm.sf(abs(z)))
    return Difference(value, error, z, p)


def logit_interval(estimate: Estimate, level: float = 0.95, *, df: float = np.inf) -> tuple[float, float]:
    """Compute the interval of an AUROC on the logit scale; NaN, NaN for an AUROC of 0 or 1, or without variance.

    With SE the square root of the variance: logit(a) -+ q SE / (a (1 - a)), transformed back (Pepe 2003, section 5.2).

    Parameters
    ----------
    estimate : Estimate
        AUROC and variance.
    level : float
        Confidence level, in (0, 1).
    df : float
        Degrees of freedom of Student's quantile q. The patients of the rarer class minus 1 keep the level with ten
        patients of a class; infinity gives the normal quantile. NaN, NaN below 1.
    """
    a = estimate.auroc
    if not 0 < a < 1 or not estimate.variance > 0 or df < 1:
        return float("nan"), float("nan")
    half = student.ppf((1 + level) / 2, df) * np.sqrt(estimate.variance) / (a * (1 - a))
    return float(expit(logit(a) - half)), float(expit(logit(a) + half))


def _variance(kernel: Floats) -> float:
    """Variance of the mean of a two-sample kernel."""
    if min(kernel.shape) < 2:
        return float("nan")
    rows, columns = kernel.mean(axis=1), kernel.mean(axis=0)
    return float(rows.var(ddof=1)) / len(rows) + float(columns.var(ddof=1)) / len(columns)
