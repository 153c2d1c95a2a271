"""XGBoost: gradient boosted trees on histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifiers.boosting import GradientBoosting
from classifiers.feature_classifier import Floats, RandomState


class XGBoost(GradientBoosting):
    """Gradient boosted trees of XGBoost.

    Parameters
    ----------
    min_child_weight : float
        Minimum sum of second derivatives in a leaf.
    gamma : float
        Minimum gain of a split.
    n_estimators, learning_rate, max_depth, subsample, colsample_bytree, reg_lambda, balance, random_state, threads
        See `classifiers.boosting.GradientBoosting`.
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

    def _model(self, **params: Any) -> Any:
        from xgboost import XGBClassifier  # noqa: PLC0415 (heavy)

        return XGBClassifier(
            **params,
            importance_type="total_gain",
            tree_method="hist",
            device="cpu",
            verbosity=0,
        )

    def _tree_space(self, trial: Any) -> dict[str, Any]:
        return {
            "max_depth": trial.suggest_int("max_depth", 2, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 50.0, log=True),
        }

    def _gains(self) -> Any:
        return self.model_.feature_importances_

    def _probabilities(self, X: Floats) -> Floats:
        single: Floats = self.model_.predict_proba(X).astype(np.float64)
        return np.asarray(single / single.sum(axis=1, keepdims=True), dtype=np.float64)
