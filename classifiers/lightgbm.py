"""LightGBM: gradient boosted trees grown leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from classifiers.boosting import GradientBoosting
from classifiers.feature_classifier import Floats


@dataclass(eq=False, repr=False, kw_only=True)
class LightGBM(GradientBoosting):
    """Gradient boosted trees of LightGBM.

    With fewer than two times `min_child_samples` cells no split is possible, and all probabilities are those of the
    weighted classes.

    Parameters
    ----------
    num_leaves : int
        Maximum number of leaves of a tree.
    min_child_samples : int
        Minimum number of cells in a leaf.
    max_depth : int
        Maximum depth of a tree; -1 for no limit.
    n_estimators, learning_rate, subsample, colsample_bytree, reg_lambda, balance, random_state, threads
        See `classifiers.boosting.GradientBoosting`.
    """

    num_leaves: int = 15
    max_depth: int = -1
    min_child_samples: int = 5

    def _model(self, **params: Any) -> Any:
        from lightgbm import LGBMClassifier  # noqa: PLC0415 (heavy)

        return LGBMClassifier(**params, subsample_freq=1, deterministic=True, force_col_wise=True, verbosity=-1)

    def _tree_space(self, trial: Any) -> dict[str, Any]:
        return {
            "num_leaves": trial.suggest_int("num_leaves", 4, 127, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 200, log=True),
        }

    def _gains(self) -> Any:
        return self.model_.booster_.feature_importance("gain")

    def _probabilities(self, X: Floats) -> Floats:
        # The library's scikit-learn interface warns about missing feature names for plain arrays; its booster does not.
        raw = np.asarray(self.model_.booster_.predict(X, num_threads=self.threads), dtype=np.float64)
        return raw if raw.ndim == 2 else np.column_stack([1.0 - raw, raw])
