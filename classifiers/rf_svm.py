"""Support vector machine on features selected by a random forest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, Floats, shares, standardised
from classifiers.forest_selection import ForestSelection
from classifiers.svm import Svm
from extractors.random_state import RandomState, random_seed


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
