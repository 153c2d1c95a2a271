"""Clustering of cells in patients: intraclass correlation, design effect, and nested analysis of variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import f as fisher

from bench.statistics.arrays import Codes, Flags, Floats

_ROUNDING = 1e-12
"""Sums of squares below this share of the total are rounding errors."""


@dataclass(frozen=True)
class NestedAnova:
    """Nested analysis of variance of each column: classes, patients within classes, cells within patients.

    Parameters
    ----------
    icc : ndarray of float64, shape (n_columns,)
        Intraclass correlation ICC(1) of the patients, class means removed; at most 1, negative where patients vary less
        than their cells. NaN for a constant column, or where no class has two patients, or no patient two cells.
    f, p : ndarray of float64, shape (n_columns,)
        Test of a class difference with patients, not cells, as the error term. Infinite and 0 where classes differ and
        the patients of each do not; NaN for a constant column, for one class, where no class has two patients, and
        where a patient has cells of several classes.
    of_class, of_patients, of_cells : ndarray of float64, shape (n_columns,)
        Shares of the total sum of squares; they sum to 1. NaN for a constant column.
    """

    icc: Floats
    f: Floats
    p: Floats
    of_class: Floats
    of_patients: Floats
    of_cells: Floats


def nested_anova(values: npt.ArrayLike, labels: npt.ArrayLike, groups: npt.ArrayLike) -> NestedAnova:
    """Analyse the variance of cells nested in patients nested in classes.

    The correlation is (MSB - MSW) / (MSB + (n0 - 1) MSW), with the mean squares between patients of one class and
    within patients, and n0 = (N - sum over classes of sum n^2 / N_class) / (patients - classes), which is the number of
    cells per patient in a balanced design (Shrout and Fleiss 1979, Psychological Bulletin 86:420; Donner 1986 for
    unequal n). F is that of a one-way analysis of variance of the patient means with equal weights: in a balanced
    design it is MS(classes) / MSB, which rejects too often in an unbalanced one.

    Parameters
    ----------
    values : array-like of float, shape (n_cells, n_columns)
        NaN is omitted, column by column.
    labels, groups : array-like, shape (n_cells,)
        Class and patient of each cell. A patient with cells of several classes counts once in each class.
    """
    label, unit = (np.unique(np.asarray(of), return_inverse=True)[1] for of in (labels, groups))
    key = label * (int(unit.max(initial=0)) + 1) + unit
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    classes = np.flatnonzero(np.diff(label[order][starts], prepend=-1))
    x = np.asarray(values, dtype=np.float64)[order]
    valid = ~np.isnan(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Centred for numerical accuracy of the sums of squares.
        x = np.where(valid, x - np.where(valid, x, 0).sum(axis=0) / valid.sum(axis=0), 0.0)
        n, total = (np.add.reduceat(a, starts, axis=0) for a in (valid.astype(np.float64), x))
        big_n, big_total = (np.add.reduceat(a, classes, axis=0) for a in (n, total))
        squares, grand = (x**2).sum(axis=0), _over(big_total.sum(axis=0) ** 2, big_n.sum(axis=0))
        of_classes, of_units = _over(big_total**2, big_n).sum(axis=0), _over(total**2, n).sum(axis=0)
        present, patients = (big_n > 0).sum(axis=0), (n > 0).sum(axis=0)
        df_class, df_patients, df_cells = present - 1, patients - present, n.sum(axis=0) - patients
        total_ss, rounding = squares - grand, _ROUNDING * np.maximum(squares, np.finfo(float).tiny)
        between_classes, between, within = (
            np.where(part > rounding, part, 0.0)
            for part in (of_classes - grand, of_units - of_classes, squares - of_units)
        )
        msb, msw = between / df_patients, within / df_cells
        uneven = _over(np.add.reduceat(n**2, classes, axis=0), big_n).sum(axis=0)
        n0 = (n.sum(axis=0) - uneven) / df_patients
        icc = (msb - msw) / (msb + (n0 - 1) * msw)
        f = _f_of_means(_over(total, n), n > 0, classes, rounding) * df_patients / df_class
        shares = [np.where(total_ss > rounding, part / total_ss, np.nan) for part in (between_classes, between, within)]
    one_class_each = len(starts) == len(np.unique(unit))
    f = np.where(one_class_each & (df_class > 0) & (df_patients > 0), f, np.nan)
    p = np.asarray(fisher.sf(f, df_class, df_patients), dtype=np.float64)
    return NestedAnova(np.where((df_patients > 0) & (df_cells > 0), icc, np.nan), f, p, *shares)


def _f_of_means(means: Floats, valid: Flags, classes: Codes, rounding: Floats) -> Floats:
    """Sum of squares between classes divided by that of patient means within classes."""
    count, total, squares = (np.add.reduceat(a, classes, axis=0) for a in (valid.astype(float), means, means**2))
    of_classes, total_ss = _over(total**2, count).sum(axis=0), squares.sum(axis=0)
    grand = _over(total.sum(axis=0) ** 2, count.sum(axis=0))
    between, within = (np.where(part > rounding, part, 0.0) for part in (of_classes - grand, total_ss - of_classes))
    return np.asarray(between / within)


def design_effect(cells: npt.ArrayLike, correlation: float) -> float:
    """Compute the design effect: the variance inflation of a mean over cells clustered in patients.

    1 + (n' - 1) ICC with n' = sum n^2 / sum n (Kish 1965). An ICC below 0 counts as 0.

    Parameters
    ----------
    cells : array-like of int, shape (n_patients,)
        Number of cells of each patient.
    correlation : float
        Intraclass correlation.
    """
    n = np.asarray(cells, dtype=np.float64)
    return float(1 + ((n**2).sum() / n.sum() - 1) * max(0.0, correlation))


def effective_cells(cells: npt.ArrayLike, correlation: float) -> float:
    """Compute the effective sample size: number of cells divided by the design effect."""
    return float(np.asarray(cells, dtype=np.float64).sum() / design_effect(cells, correlation))


def _over(a: Floats, b: Floats) -> Floats:
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)
