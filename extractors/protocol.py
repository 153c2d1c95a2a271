"""The contract of an extractor."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from extractors.arrays import Float32Array
from extractors.cells import Cells


@runtime_checkable
class Extractor(Protocol):
    """A scikit-learn transformer from cells to features.

    Derive a class from `sklearn.base.TransformerMixin` and `sklearn.base.BaseEstimator`: every parameter is an argument
    of `__init__`, stored under its name. It is fitted in every fold on training cells, unless its tag `requires_fit` is
    False; then its features are computed once and stored.

    Examples
    --------
    >>> class MeanRed(TransformerMixin, BaseEstimator):  # doctest: +SKIP
    ...     def fit(self, cells, y=None, groups=None):
    ...         return self
    ...
    ...     def transform(self, cells):
    ...         return np.float32([[cell.image[cell.mask, 0].mean()] for cell in cells])
    ...
    ...     def get_feature_names_out(self, input_features=None):
    ...         return ["mean_red"]
    """

    def fit(self, cells: Cells, y: Any = None, groups: Any = None) -> Any:
        """Learn from training cells, with their labels and split units.

        Parameters
        ----------
        cells : Cells
            Sequence of `Cell`.
        y : ndarray of str, shape (n_cells,)
            Labels.
        groups : ndarray of str, shape (n_cells,)
            Split units: patients, or several patients linked by identical images.
        """

    def transform(self, cells: Cells) -> Float32Array:
        """Return the features, shape (n_cells, n_features); NaN where a feature is undefined for a cell."""

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the features."""
