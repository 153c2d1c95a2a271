"""Inner splits of the training cells: patient-disjoint, with all classes in every training part."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from classifiers.feature_classifier import Codes, Floats, Units
from extractors.grouped_splits import Cv, Split, checked_splits

FOLDS = 4
"""Default number of inner folds."""


def inner_splits(cv: Cv, X: Floats, y: npt.NDArray[Any], units: Units) -> list[Split]:
    """Return the (train, test) pairs of row indices of `cv`, or of `patient_folds` without `cv`.

    Returns
    -------
    list of (train, test)
        Empty only for `cv=None` if no split has every class in training: a class has fewer than two patients.

    Raises
    ------
    ValueError
        As `checked_splits`.
    """
    if cv is None:
        return patient_folds(np.unique(y, return_inverse=True)[1], units)
    return list(checked_splits(cv, X, y, units))


def patient_folds(codes: Codes, units: Units, n_folds: int = FOLDS) -> list[Split]:
    """Split patients into folds with similar classes and numbers of cells, without randomness.

    Patients are assigned to folds in turn, ordered by their rarest class and then by their number of cells.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Class codes 0..n_classes-1.
    units : ndarray of shape (n_rows,)
        The patient of each row.
    n_folds : int
        Maximum number of folds; reduced to the patients of the smallest class.

    Returns
    -------
    list of (train, test)
        Every class is in every training part. Empty if this fails: a class has fewer than two patients, or (with
        patients of several classes) the assignment leaves a class out.
    """
    patient_of_row = np.unique(units, return_inverse=True)[1]
    cells = np.zeros((patient_of_row.max() + 1, codes.max() + 1), dtype=np.intp)
    np.add.at(cells, (patient_of_row, codes), 1)
    patients_of_class = (cells > 0).sum(axis=0)
    folds = min(n_folds, int(patients_of_class.min()))
    if folds < 2:
        return []
    rarest = np.where(cells > 0, patients_of_class, len(cells) + 1).argmin(axis=1)
    order = np.lexsort((np.arange(len(cells)), -cells.sum(axis=1), rarest))
    fold_of_patient = np.empty(len(cells), dtype=np.intp)
    fold_of_patient[order] = np.arange(len(cells)) % folds
    fold_of_row = fold_of_patient[patient_of_row]
    splits = [(np.flatnonzero(fold_of_row != k), np.flatnonzero(fold_of_row == k)) for k in range(folds)]
    complete = all(len(np.unique(codes[train])) == cells.shape[1] for train, _ in splits)
    return splits if complete else []
