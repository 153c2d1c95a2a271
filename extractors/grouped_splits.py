"""Splits of cells that keep patients together: splitters of scikit-learn, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@runtime_checkable
class Splitter(Protocol):
    """A scikit-learn splitter."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[Any]:
        """Yield pairs of training and test rows."""


Cv = Splitter | Iterable[Split] | int | str | None
"""Accepted values of `cv`; numbers and strings raise an error in `fit`."""


def checked_splits(cv: Cv, X: npt.NDArray[Any], y: npt.NDArray[Any], units: npt.NDArray[Any]) -> Iterator[Split]:
    """Yield the validated (train, test) pairs of row indices of `cv`.

    Parameters
    ----------
    cv : splitter or iterable of (train, test)
        A splitter is called as `split(X, y, groups=units)`.
    X : ndarray of shape (n_rows, n_features)
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    units : ndarray of shape (n_rows,)
        The patient of each row.

    Raises
    ------
    ValueError
        `cv` is a number, not a splitter or has no split, or a split has a patient on both sides, an empty part, or a
        class that is missing from its training part.
    """
    if isinstance(cv, str) or not isinstance(cv, Splitter | Iterable):
        raise ValueError(f"cv={cv!r} would split cells, not patients; pass a splitter, (train, test) pairs, or None")
    pairs = cv.split(X, y, groups=units) if isinstance(cv, Splitter) else cv
    number = -1
    for number, pair in enumerate(pairs):
        train, test = (np.asarray(rows, dtype=np.intp) for rows in pair)
        if not len(train) or not len(test):
            raise ValueError(f"split {number} of cv has an empty part")
        shared = np.intersect1d(units[train], units[test])
        if len(shared):
            raise ValueError(f"split {number} of cv has patient {shared[0]} on both sides; groups must not be split")
        absent = np.setdiff1d(y, y[train])
        if len(absent):
            raise ValueError(
                f"the training part of split {number} of cv has no cell of class {absent[0]}; use fewer folds"
            )
        yield train, test
    if number < 0:
        raise ValueError("cv has no split; at least one (train, test) pair is needed")
