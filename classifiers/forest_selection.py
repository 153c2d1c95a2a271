"""Selection of features by their importance in a random forest."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier

from classifiers.feature_classifier import Codes, Floats


@dataclass(eq=False, repr=False)
class ForestSelection(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Selection of features with a high importance in a random forest (mean decrease of Gini impurity).

    Parameters
    ----------
    forest : RandomForestClassifier
        Cloned before it is fitted.
    threshold : {"median", "mean"} or float
        Minimum importance of a selected feature; importances sum to 1. A feature that no tree splits on has importance
        0 and is not selected, even if the median is 0: with few rows most of a thousand features are never used.
    min_features : int
        Minimum number of selected features, whatever their importance.
    max_features : int, optional
        Maximum number of selected features; takes precedence over `min_features`. The most important ones are selected,
        in a tie the first column.

    Attributes
    ----------
    importances_ : ndarray of float64, shape (n_features,)
        All 0 if the forest has no split.
    selected_ : ndarray of int, shape (n_selected,)
        Selected columns, ascending.
    """

    forest: RandomForestClassifier
    _: KW_ONLY
    threshold: str | float
    min_features: int
    max_features: int | None

    def fit(self, X: Floats, codes: Codes, weights: Floats | None = None) -> Self:
        """Fit the forest on rows, weighted if there are weights, and select the columns.

        Raises
        ------
        ValueError
            Unknown threshold, or a number of features below 1.
        """
        if self.min_features < 1:
            raise ValueError(f"min_features={self.min_features!r} is not valid; it is at least 1")
        if self.max_features is not None and self.max_features < 1:
            raise ValueError(f"max_features={self.max_features!r} is not valid; it is at least 1, or null for no limit")
        forest = clone(self.forest).fit(X, codes, sample_weight=weights)
        self.importances_ = np.asarray(forest.feature_importances_, dtype=np.float64)
        ranked = np.argsort(-self.importances_, kind="stable")
        used = self.importances_ > 0
        count = int(np.sum(used & (self.importances_ >= self._min_importance(self.importances_))))
        self.selected_ = np.sort(ranked[: max(count, self.min_features)][: self.max_features])
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the selected columns."""
        return X[:, self.selected_]

    def _min_importance(self, importances: Floats) -> float:
        if not isinstance(self.threshold, str):
            return float(self.threshold)
        if self.threshold == "median":
            return float(np.median(importances))
        if self.threshold == "mean":
            # The mean of equal numbers may exceed them by a rounding error.
            return float(np.minimum(np.mean(importances), importances.max()))
        raise ValueError(f'threshold={self.threshold!r} is not valid; it is "median", "mean" or a number')
