"""Features without a value in any training cell: dropped, or an error if there is no other."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin


class DropEmptyColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Drop the columns that are NaN in every training row, whatever values they have in other rows.

    Attributes
    ----------
    columns_ : ndarray of int, shape (n_kept,)
        Kept columns, ascending.
    """

    def fit(self, X: npt.NDArray[np.float64], y: Any = None) -> Self:
        """Find the columns with a value.

        Raises
        ------
        ValueError
            There is none.
        """
        self.columns_ = columns_with_values(X)
        return self

    def transform(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the kept columns; `X` itself if all are kept."""
        return X if len(self.columns_) == X.shape[1] else np.ascontiguousarray(X[:, self.columns_])


def columns_with_values(X: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return the columns that have a value in at least one row, ascending.

    Raises
    ------
    ValueError
        Every value is NaN.
    """
    columns = np.flatnonzero(~np.isnan(X).all(axis=0))
    if not len(columns):
        raise ValueError(
            f"all values are missing (NaN): none of the {X.shape[1]} features has a value in any of the {len(X)} "
            "training cells, so there is nothing to learn from"
        )
    return columns
