"""Base of the gradient boosting classifiers."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, shares
from classifiers.weighting import row_weights
from extractors.random_state import RandomState, random_seed


@dataclass(eq=False, repr=False, kw_only=True)
class GradientBoosting(FeatureClassifier):
    """Gradient boosted trees of a library.

    At each split NaN goes to the side that lowers the loss more, as implemented by the library. A feature without a
    value in any training cell has no split and does not affect a prediction. There is no early stopping: tune
    `n_estimators`.

    Parameters
    ----------
    n_estimators : int
        Number of boosting rounds; with more than two classes, each round has one tree per class.
    learning_rate : float
        Shrinkage of each round.
    max_depth : int
        Maximum depth of a tree.
    subsample, colsample_bytree : float
        Share of cells and of features used for each tree, in (0, 1].
    reg_lambda : float
        L2 penalty on leaf values.
    balance : {"patients", "cells", "none"}
        Weighting of cells; see `classifiers.weighting.row_weights`.
    random_state : int, RandomState or None
        Seed of the subsampling.
    threads : int
        Number of threads.

    Attributes
    ----------
    model_ : scikit-learn classifier
        The fitted classifier of the library.
    """

    n_estimators: int = 200
    learning_rate: float = 0.1
    max_depth: int
    subsample: float = 0.8
    colsample_bytree: float = 0.5
    reg_lambda: float = 1.0
    balance: str = "patients"
    random_state: RandomState = None
    threads: int = 1

    @property
    def feature_importances_(self) -> Floats:
        """Share of each feature in the total gain of all splits, float64 of shape (n_features_in_,).

        The shares sum to 1, or are all 0 if no tree splits.
        """
        check_is_fitted(self)
        return shares(self._gains())

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Number, size and learning rate of the trees, subsampling and penalties."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 50, 500, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 1e-2, 0.3, log=True),
            **self._tree_space(trial),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 1e2, log=True),
        }

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        params = self.get_params(deep=False)
        own = {name: value for name, value in params.items() if name not in ("balance", "random_state", "threads")}
        model = self._model(**own, random_state=random_seed(self.random_state), n_jobs=self.threads)
        self.model_ = model.fit(X, codes, sample_weight=row_weights(codes, units, self.balance))

    @abstractmethod
    def _model(self, **params: Any) -> Any:
        """Create the unfitted classifier of the library; `params` have the names of the library."""

    @abstractmethod
    def _tree_space(self, trial: Any) -> dict[str, Any]:
        """Search space of the size of the trees."""

    @abstractmethod
    def _gains(self) -> Any:
        """Total gain of the splits on each feature, up to a factor."""
