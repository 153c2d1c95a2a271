"""Support vector machine on the features that a random forest finds important."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, Floats, RandomState, seed_of, shares
from classifiers.inner_splits import Cv
from classifiers.svm import Svm


class ForestSelection(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Keeps the features whose importance in a random forest (mean decrease of Gini impurity) is high.

    Parameters
    ----------
    threshold : {"median", "mean"} or float
        Least importance that is kept; importances sum to 1. A feature that no tree splits on has importance 0 and is
        not kept, even where the median is 0: with few rows most of a thousand features are never used.
    min_features : int
        At least so many, whatever their importance.
    max_features : int, optional
        At most so many; it goes before `min_features`. The most important first, at a tie the earlier column.
    n_estimators : int
        Trees.
    min_samples_leaf : int
        Least rows in a leaf.
    random_state : int
        Seed of the forest.
    threads : int
        Trees grown at once; the outcome does not depend on it.

    Attributes
    ----------
    importances_ : ndarray of float64, shape (n_features,)
        All 0 where no split helps.
    selected_ : ndarray of int, shape (n_selected,)
        Columns that are kept, ascending.
    """

    def __init__(
        self,
        *,
        threshold: str | float,
        min_features: int,
        max_features: int | None,
        n_estimators: int,
        min_samples_leaf: int,
        random_state: int,
        threads: int,
    ) -> None:
        self.threshold = threshold
        self.min_features = min_features
        self.max_features = max_features
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state
        self.threads = threads

    def fit(self, X: Floats, codes: Codes, weights: Floats) -> Self:
        """Grow the forest on weighted rows and choose the columns.

        Raises
        ------
        ValueError
            Unknown threshold, or a number of features below 1.
        """
        if self.min_features < 1:
            raise ValueError(f"min_features={self.min_features!r}; it is 1 or more")
        if self.max_features is not None and self.max_features < 1:
            raise ValueError(f"max_features={self.max_features!r}; it is 1 or more, or null for no limit")
        forest = RandomForestClassifier(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self.random_state,
            n_jobs=self.threads,
        ).fit(X, codes, sample_weight=weights)
        self.importances_ = np.asarray(forest.feature_importances_, dtype=np.float64)
        ranked = np.argsort(-self.importances_, kind="stable")
        used = self.importances_ > 0
        enough = int(np.sum(used & (self.importances_ >= self._least(self.importances_))))
        self.selected_ = np.sort(ranked[: max(enough, self.min_features)][: self.max_features])
        return self

    def transform(self, X: Floats) -> Floats:
        """The chosen columns."""
        return X[:, self.selected_]

    def _least(self, importances: Floats) -> float:
        if not isinstance(self.threshold, str):
            return float(self.threshold)
        if self.threshold == "median":
            return float(np.median(importances))
        if self.threshold == "mean":
            # A mean of equal numbers may exceed them by a rounding error.
            return float(np.minimum(np.mean(importances), importances.max()))
        raise ValueError(f'threshold={self.threshold!r}; it is "median", "mean" or a number')


class RfSvm(Svm):
    """Random forest selects the features, a support vector machine classifies.

    The selection is part of every fit, those for the calibration included: it sees training patients only.
    All else is as in `Svm`.

    Parameters
    ----------
    threshold : {"median", "mean"} or float
        Least importance that is kept; importances sum to 1. "median" keeps the better half.
    min_features : int
        At least so many features, whatever their importance: half of a handful is too few.
    max_features : int, optional
        At most so many features; it goes before `min_features`.
    n_estimators : int
        Trees of the forest.
    min_samples_leaf : int
        Least cells in a leaf.
    C, kernel, gamma, gamma_factor, degree, coef0, balance, cv
        As in `Svm`; the forest weighs cells in the same way.
    random_state : int, RandomState or None
        Seed of the forest.
    threads : int
        Trees grown at once.

    Attributes
    ----------
    selected_ : ndarray of int
        Columns that the final machine uses.
    calibration_, machine_, sigmoids_
        As in `Svm`.
    """

    def __init__(
        self,
        *,
        threshold: str | float = "median",
        min_features: int = 8,
        max_features: int | None = None,
        n_estimators: int = 100,
        min_samples_leaf: int = 5,
        C: float = 1.0,
        kernel: str = "rbf",
        gamma: float | str = "scale",
        gamma_factor: float = 1.0,
        degree: int = 3,
        coef0: float = 0.0,
        balance: str = "patients",
        cv: Cv = None,
        random_state: RandomState = None,
        threads: int = 1,
    ) -> None:
        super().__init__(
            C=C,
            kernel=kernel,
            gamma=gamma,
            gamma_factor=gamma_factor,
            degree=degree,
            coef0=coef0,
            balance=balance,
            cv=cv,
        )
        self.threshold = threshold
        self.min_features = min_features
        self.max_features = max_features
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state
        self.threads = threads

    @property
    def selected_(self) -> Codes:
        """Columns that the final machine uses, ascending."""
        return np.asarray(self.machine_.preparation.named_steps["select"].selected_)

    @property
    def feature_importances_(self) -> Floats:
        """Share of each selected feature in the forest's importance of them, float64 of shape (n_features_in_,).

        0 for a feature that was dropped; it sums to 1, or is 0 throughout where no split helped. What the machine makes
        of the selected ones is not in it.
        """
        check_is_fitted(self)
        known = np.zeros(self.n_features_in_)
        known[self.selected_] = self.machine_.preparation.named_steps["select"].importances_[self.selected_]
        return shares(known)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """As in `Svm`, and how many features at most."""
        return {**super().search_space(trial), "max_features": trial.suggest_int("max_features", 8, 512, log=True)}

    def _begin(self) -> None:
        self._seed = seed_of(self.random_state)

    def _prepare(self, X: Floats, codes: Codes, weights: Floats) -> Pipeline:
        impute = SimpleImputer(strategy="median", keep_empty_features=True)
        whole = impute.fit_transform(X)
        select = ForestSelection(
            threshold=self.threshold,
            min_features=self.min_features,
            max_features=self.max_features,
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            random_state=self._seed,
            threads=self.threads,
        ).fit(whole, codes, weights)
        scale = StandardScaler().fit(select.transform(whole))
        return Pipeline([("impute", impute), ("select", select), ("scale", scale)])
