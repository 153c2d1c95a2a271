"""How much cells of one patient resemble each other, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import f as fisher

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NestedF:
    """Test of a class difference with patients, not cells, as the error term."""

    f: float
    p: float
    df_class: int
    df_patients: int


def icc(values: npt.ArrayLike, groups: npt.ArrayLike) -> Floats:
    """Intraclass correlation ICC(1) of a one-way analysis of variance with patients as random effects.

    (MSB - MSW) / (MSB + (n0 - 1) MSW) with n0 = (N - sum n^2 / N) / (k - 1), which is the cells of a patient where all
    have as many (Shrout and Fleiss 1979, Psychological Bulletin 86:420; Donner 1986 for unequal n).

    Parameters
    ----------
    values : array-like of float, shape (n_cells,) or (n_cells, n_features)
        NaN is allowed: such cells are left out of that feature.
    groups : array-like, shape (n_cells,)
        The patient of each cell.

    Returns
    -------
    ndarray of float64, shape () or (n_features,)
        At most 1, negative where patients differ less than chance would have it. NaN where fewer than two patients or
        no second cell of any patient are there, and for a constant feature.
    """
    v = np.asarray(values, dtype=np.float64)
    columns = v[:, None] if v.ndim == 1 else v
    between, within, n0 = _mean_squares(columns, np.unique(np.asarray(groups), return_inverse=True)[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (between - within) / (between + (n0 - 1) * within)
    return np.asarray(found[0] if v.ndim == 1 else found)


def centred_by_class(values: npt.ArrayLike, labels: npt.ArrayLike, groups: npt.ArrayLike) -> Floats:
    """The values less the mean of their class, every patient weighing the same, so that only patients differ.

    Parameters
    ----------
    values : array-like of float, shape (n_cells, n_features)
        NaN stays NaN.
    labels, groups : array-like, shape (n_cells,)
        Class and patient of each cell.
    """
    v = np.array(values, dtype=np.float64)
    label, unit_of = np.asarray(labels), np.unique(np.asarray(groups), return_inverse=True)[1]
    for name in np.unique(label):
        rows = label == name
        weight = (1.0 / np.bincount(unit_of[rows])[unit_of[rows]])[:, None] * np.isfinite(v[rows])
        with np.errstate(invalid="ignore"):
            v[rows] -= (weight * np.nan_to_num(v[rows])).sum(axis=0) / weight.sum(axis=0)
    return v


def design_effect(cells: npt.ArrayLike, correlation: float) -> float:
    """How many times the variance of a mean over cells grows because they come from patients.

    1 + (n' - 1) ICC with n' = sum n^2 / sum n (Kish 1965). An ICC below 0 counts as 0.

    Parameters
    ----------
    cells : array-like of int, shape (n_patients,)
        Cells of each patient.
    correlation : float
        Intraclass correlation.
    """
    n = np.asarray(cells, dtype=np.float64)
    return float(1 + ((n**2).sum() / n.sum() - 1) * max(0.0, correlation))


def effective_cells(cells: npt.ArrayLike, correlation: float) -> float:
    """The number of independent cells that would tell as much: all cells over the design effect."""
    return float(np.asarray(cells, dtype=np.float64).sum() / design_effect(cells, correlation))


def nested_f(values: npt.ArrayLike, labels: npt.ArrayLike, groups: npt.ArrayLike) -> NestedF:
    """Analysis of variance of patients within classes, which asks whether classes differ more than their patients.

    F = MS(class) / MS(patients within class). With as many cells in each patient it is exact, and equals a one-way
    analysis of variance of the patients' means. Infinite where classes differ and the patients of each do not; NaN for
    a constant feature.

    Parameters
    ----------
    values : array-like of float, shape (n_cells,)
        Finite.
    labels, groups : array-like, shape (n_cells,)
        Class and patient of each cell; a patient has one class.

    Raises
    ------
    ValueError
        Fewer than two classes, no more patients than classes, a patient with cells of two classes, or a value that is
        not finite.
    """
    v = np.asarray(values, dtype=np.float64)
    if not np.isfinite(v).all():
        raise ValueError("a value is not finite")
    classes, class_of = np.unique(np.asarray(labels), return_inverse=True)
    units, unit_of = np.unique(np.asarray(groups), return_inverse=True)
    if len(np.unique(class_of * len(units) + unit_of)) != len(units):
        raise ValueError("a patient has cells of two classes, so patients do not lie within classes")
    df_class, df_patients = len(classes) - 1, len(units) - len(classes)
    if df_class < 1 or df_patients < 1:
        raise ValueError(f"{len(classes)} classes of {len(units)} patients leave nothing to compare")
    n, size = np.bincount(unit_of), np.bincount(class_of)
    mean_of_unit, mean_of_class = np.bincount(unit_of, v) / n, np.bincount(class_of, v) / size
    if np.ptp(v) == 0:  # rounding of the means would else make up an F
        return NestedF(float("nan"), float("nan"), df_class, df_patients)
    class_of_unit = np.zeros(len(units), dtype=np.intp)
    class_of_unit[unit_of] = class_of
    between = float((size * (mean_of_class - v.mean()) ** 2).sum()) / df_class
    error = float((n * (mean_of_unit - mean_of_class[class_of_unit]) ** 2).sum()) / df_patients
    f = between / error if error > 0 else float("inf")
    return NestedF(f, float(fisher.sf(f, df_class, df_patients)), df_class, df_patients)


def _mean_squares(values: Floats, unit_of: npt.NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Mean squares between and within patients and n0, each of shape (n_features,)."""
    there = np.isfinite(values)
    # Large offsets would drown the squares; the shift changes no sum of squares.
    with np.errstate(invalid="ignore", divide="ignore"):
        shifted = np.where(there, values - np.nansum(values, axis=0) / there.sum(axis=0), 0.0)
        n = np.zeros((int(unit_of.max()) + 1, values.shape[1]))
        sums = np.zeros_like(n)
        np.add.at(n, unit_of, there)
        np.add.at(sums, unit_of, shifted)
        total, k = n.sum(axis=0), (n > 0).sum(axis=0)
        means = np.where(n > 0, sums / n, 0.0)
        grand = sums.sum(axis=0) / total
        between = (n * (means - grand) ** 2).sum(axis=0) / (k - 1)
        within = (there * (shifted - means[unit_of]) ** 2).sum(axis=0) / (total - k)
        n0 = (total - (n**2).sum(axis=0) / total) / (k - 1)
    return between, within, n0
