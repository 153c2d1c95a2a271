"""XGBoost: gradient boosted trees on histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from classifiers.boosting import GradientBoosting
from classifiers.feature_classifier import Floats


@dataclass(eq=False, repr=False, kw_only=True)
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

    max_depth: int = 4
    min_child_weight: float = 1.0
    gamma: float = 0.0

    def _model(self, **params: Any) -> Any:
        from xgboost import XGBClassifier  # noqa: PLC0415 (heavy)

        return XGBClassifier(**params, importance_type="total_gain", tree_method="hist", device="cpu", verbosity=0)

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
