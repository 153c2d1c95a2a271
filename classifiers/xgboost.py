"""XGBoost: gradient boosted trees on histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, RandomState, Units, seed_of, shares
from classifiers.weighting import row_weights


class XGBoost(FeatureClassifier):
    """Gradient boosted trees of XGBoost.

    NaN goes the way at each split that lowers the loss most, as the library does it. There is no early stopping:
    tune `n_estimators`.

    Parameters
    ----------
    n_estimators : int
        Boosting rounds; with more than two classes, a tree for each class in each.
    learning_rate : float
        Shrinkage of a round.
    max_depth : int
        Depth of a tree.
    min_child_weight : float
        Least sum of the second derivatives in a leaf.
    subsample, colsample_bytree : float
        Share of the cells and of the features that a tree is grown on, in (0, 1].
    reg_lambda : float
        L2 penalty on leaf values.
    gamma : float
        Least gain of a split.
    balance : {"patients", "cells", "none"}
        Which weights the cells get, see `classifiers.weighting.row_weights`.
    random_state : int, RandomState or None
        Seed of the two shares.
    threads : int
        Threads.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 200,
        learning_rate: float = 0.1,
        max_depth: int = 4,
        min_child_weight: float = 1.0,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 1.0,
        gamma: float = 0.0,
        balance: str = "patients",
        random_state: RandomState = None,
        threads: int = 1,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.gamma = gamma
        self.balance = balance
        self.random_state = random_state
        self.threads = threads

    @property
    def feature_importances_(self) -> Floats:
        """Share of each feature in the loss that all splits save (total gain), float64 of shape (n_features_in_,).

        It sums to 1, or is 0 throughout where no tree splits.
        """
        check_is_fitted(self)
        return shares(self.model_.feature_importances_)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Number, depth and shrinkage of the trees, their shares and penalties."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 50, 500, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 1e-2, 0.3, log=True),
            "max_depth": trial.suggest_int("max_depth", 2, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 50.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 1e2, log=True),
        }

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        from xgboost import XGBClassifier  # noqa: PLC0415 (heavy)

        self.model_ = XGBClassifier(
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            min_child_weight=self.min_child_weight,
            subsample=self.subsample,
            colsample_bytree=self.colsample_bytree,
            reg_lambda=self.reg_lambda,
            gamma=self.gamma,
            random_state=seed_of(self.random_state),
            n_jobs=self.threads,
            importance_type="total_gain",
            tree_method="hist",
            device="cpu",
            verbosity=0,
        ).fit(X, codes, sample_weight=row_weights(codes, units, self.balance))

    def _probabilities(self, X: Floats) -> Floats:
        single: Floats = self.model_.predict_proba(X).astype(np.float64)
        return np.asarray(single / single.sum(axis=1, keepdims=True), dtype=np.float64)
