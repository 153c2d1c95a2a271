"""Support vector machine on features selected by a random forest."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, Floats, shares, standardised
from classifiers.svm import Svm
from extractors.random_state import RandomState, random_seed


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

    def fit(self, X: Floats, codes: Codes, weights: Floats) -> Self:
        """Fit the forest on weighted rows and select the columns.

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


@dataclass(eq=False, repr=False, kw_only=True)
class RfSvm(Svm):
    """Support vector machine on features selected by a random forest.

    The selection is part of every fit, including those for the calibration, so that it uses training patients only.

    Parameters
    ----------
    threshold, min_features, max_features
        See `ForestSelection`. "median" selects half of the features; the default of `min_features` matters for small
        feature sets.
    n_estimators : int
        Number of trees of the forest.
    min_samples_leaf : int
        Minimum number of cells in a leaf.
    C, kernel, gamma, gamma_factor, degree, coef0, balance, cv
        See `Svm`; the forest uses the same weights of cells.
    random_state : int, RandomState or None
        Seed of the forest.
    threads : int
        Number of threads of the forest; predictions do not depend on it.

    Attributes
    ----------
    calibration_, machine_, sigmoids_
        See `Svm`.
    """

    threshold: str | float = "median"
    min_features: int = 8
    max_features: int | None = None
    n_estimators: int = 100
    min_samples_leaf: int = 5
    random_state: RandomState = None
    threads: int = 1

    @property
    def selected_(self) -> Codes:
        """Selected columns of the final machine, ascending."""
        return np.asarray(self._steps["drop"].columns_[self._steps["select"].selected_])

    @property
    def feature_importances_(self) -> Floats:
        """Importance of each selected feature in the forest, float64 of shape (n_features_in_,).

        The importances sum to 1, or are all 0 if the forest has no split; that of a dropped feature is 0. They do not
        depend on the support vector machine.
        """
        check_is_fitted(self)
        importances = np.zeros(self.n_features_in_)
        selection = self._steps["select"]
        importances[self.selected_] = selection.importances_[selection.selected_]
        return shares(importances)

    @property
    def _steps(self) -> Any:
        return self.machine_.preparation.named_steps

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Draw the parameters of `Svm` and the maximum number of features."""
        return {**super().search_space(trial), "max_features": trial.suggest_int("max_features", 8, 512, log=True)}

    def _begin(self) -> None:
        self._seed = random_seed(self.random_state)

    def _prepare(self, X: Floats, codes: Codes, weights: Floats) -> Pipeline:
        drop, impute, scale = (step for _, step in standardised().steps)
        imputed = impute.fit_transform(drop.fit_transform(X))
        forest = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self._seed,
            n_jobs=self.threads,
        )
        select = ForestSelection(
            forest, threshold=self.threshold, min_features=self.min_features, max_features=self.max_features
        ).fit(imputed, codes, weights)
        scale.fit(select.transform(imputed))
        return Pipeline([("drop", drop), ("impute", impute), ("select", select), ("scale", scale)])
