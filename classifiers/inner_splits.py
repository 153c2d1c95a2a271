"""The splits that an estimator makes inside its training cells: never through a patient, no class left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from classifiers.feature_classifier import Codes, Floats, Units

Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

FOLDS = 4
"""Parts that the training patients are cut into where nobody gives a splitter."""


@runtime_checkable
class Splitter(Protocol):
    """A scikit-learn splitter."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[Any]:
        """Pairs of training and test rows."""
        ...


Cv = Splitter | Iterable[Split] | int | str | None
"""What an estimator takes as `cv`; numbers and strings are refused when it is fitted."""


def inner_splits(cv: Cv, X: Floats, y: npt.NDArray[Any], units: Units) -> list[Split]:
    """The (train, test) pairs of row indices that `cv` makes, checked.

    Parameters
    ----------
    cv : splitter, iterable of (train, test), or None
        A splitter is asked with `split(X, y, groups=units)`. None: `patient_folds`.
    X : ndarray of shape (n_rows, n_features)
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    units : ndarray of shape (n_rows,)
        The patient of each row.

    Returns
    -------
    list of (train, test)
        Empty only for `cv=None` where no class-complete split exists: a class of fewer than two patients.

    Raises
    ------
    ValueError
        `cv` is a number or no splitter, makes no split, shares a patient between the two sides, leaves a class out
        of a training part, or has empty parts.
    """
    if cv is None:
        return patient_folds(np.unique(y, return_inverse=True)[1], units)
    if isinstance(cv, int | str):
        raise ValueError(f"cv={cv!r} would split cells, not patients; give a splitter, (train, test) pairs, or None")
    pairs = cv.split(X, y, groups=units) if isinstance(cv, Splitter) else cv
    splits = [(np.asarray(train, dtype=np.intp), np.asarray(test, dtype=np.intp)) for train, test in pairs]
    if not splits:
        raise ValueError("cv makes no split; one (train, test) pair at least is needed")
    for number, split in enumerate(splits):
        _check(split, number, y, units)
    return splits


def patient_folds(codes: Codes, units: Units, n_folds: int = FOLDS) -> list[Split]:
    """Cut the patients into folds that are alike in class and in number of cells; nothing is random.

    Patients are dealt out in turn, ordered by the rarest class that they have and then by their number of cells.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Class codes 0..n_classes-1.
    units : ndarray of shape (n_rows,)
        The patient of each row.
    n_folds : int
        At most so many folds; fewer where a class has fewer patients.

    Returns
    -------
    list of (train, test)
        Every class is in every training part. Empty where that cannot be: a class has fewer than two patients, or
        (with patients of several classes) the deal leaves a class out.
    """
    patient_of_row = np.unique(units, return_inverse=True)[1]
    cells = np.zeros((patient_of_row.max() + 1, codes.max() + 1), dtype=np.intp)
    np.add.at(cells, (patient_of_row, codes), 1)
    patients_of_class = (cells > 0).sum(axis=0)
    folds = min(n_folds, int(patients_of_class.min()))
    if folds < 2:
        return []
    rarest = np.where(cells > 0, patients_of_class, len(cells) + 1).argmin(axis=1)
    dealt = np.lexsort((np.arange(len(cells)), -cells.sum(axis=1), rarest))
    fold_of_patient = np.empty(len(cells), dtype=np.intp)
    fold_of_patient[dealt] = np.arange(len(cells)) % folds
    fold_of_row = fold_of_patient[patient_of_row]
    splits = [(np.flatnonzero(fold_of_row != k), np.flatnonzero(fold_of_row == k)) for k in range(folds)]
    complete = all(len(np.unique(codes[train])) == cells.shape[1] for train, _ in splits)
    return splits if complete else []


def _check(split: Split, number: int, y: npt.NDArray[Any], units: Units) -> None:
    train, test = split
    if not len(train) or not len(test):
        raise ValueError(f"split {number} of cv has an empty part")
    shared = np.intersect1d(units[train], units[test])
    if len(shared):
        raise ValueError(f"split {number} of cv has patient {shared[0]} on both sides; groups must not be split")
    absent = np.setdiff1d(y, y[train])
    if len(absent):
        raise ValueError(f"the training part of split {number} of cv has no cell of class {absent[0]}; use fewer folds")
