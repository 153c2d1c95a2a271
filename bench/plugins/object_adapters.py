"""Adapter that gives transformers the signature of an extractor."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin, clone


class ExtractorAdapter(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no type hints
    """A transformer of cells whose `fit` takes no groups.

    Parameters
    ----------
    estimator : transformer
        `transform(cells)` returns an array of shape (n_cells, n_features). Cloned before it is fitted.

    Attributes
    ----------
    estimator_ : transformer
        The fitted clone.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, cells: Any, y: Any = None, groups: Any = None) -> ExtractorAdapter:
        """Fit a clone on the cells; the groups are not passed on."""
        self.estimator_ = clone(self.estimator).fit(cells, y)
        return self

    def transform(self, cells: Any) -> Any:
        """Return the features of the cells."""
        values = getattr(self, "estimator_", self.estimator).transform(cells)
        self.n_features_ = values.shape[1]
        return values

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the features; numbered ones where the estimator has none."""
        estimator = getattr(self, "estimator_", self.estimator)
        try:
            return estimator.get_feature_names_out()
        except AttributeError:
            return [f"{type(estimator).__name__.lower()}{number}" for number in range(self.n_features_)]
