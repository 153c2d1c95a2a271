"""LightGBM: gradient boosted trees grown leaf by leaf."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, RandomState, Units, seed_of, shares
from classifiers.weighting import row_weights


class LightGBM(FeatureClassifier):
    """Gradient boosted trees of LightGBM.

    NaN goes the way at each split that lowers the loss most, as the library does it. There is no early stopping:
    tune `n_estimators`. With fewer than two times `min_child_samples` cells no split is possible, and all
    probabilities are those of the weighted classes.

    Parameters
    ----------
    n_estimators : int
        Boosting rounds; with more than two classes, a tree for each class in each.
    learning_rate : float
        Shrinkage of a round.
    num_leaves : int
        Leaves of a tree.
    max_depth : int
        Depth of a tree; -1 for no limit.
    min_child_samples : int
        Least cells in a leaf.
    subsample, colsample_bytree : float
        Share of the cells and of the features that a tree is grown on, in (0, 1].
    reg_lambda : float
        L2 penalty on leaf values.
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
        num_leaves: int = 15,
        max_depth: int = -1,
        min_child_samples: int = 5,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 1.0,
        balance: str = "patients",
        random_state: RandomState = None,
        threads: int = 1,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.max_depth = max_depth
        self.min_child_samples = min_child_samples
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.balance = balance
        self.random_state = random_state
        self.threads = threads

    @property
    def feature_importances_(self) -> Floats:
        """Share of each feature in the loss that all splits save (total gain), float64 of shape (n_features_in_,).

        It sums to 1, or is 0 throughout where no tree splits.
        """
        check_is_fitted(self)
        return shares(self.model_.booster_.feature_importance("gain"))

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Number, size and shrinkage of the trees, their shares and penalty."""
        return {
            "n_estimators": trial.suggest_int("n_estimators", 50, 500, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 1e-2, 0.3, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 127, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 200, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 1e2, log=True),
        }

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        from lightgbm import LGBMClassifier  # noqa: PLC0415 (heavy)

        self.model_ = LGBMClassifier(
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            num_leaves=self.num_leaves,
            max_depth=self.max_depth,
            min_child_samples=self.min_child_samples,
            subsample=self.subsample,
            subsample_freq=1,
            colsample_bytree=self.colsample_bytree,
            reg_lambda=self.reg_lambda,
            random_state=seed_of(self.random_state),
            n_jobs=self.threads,
            deterministic=True,
            force_col_wise=True,
            verbosity=-1,
        ).fit(X, codes, sample_weight=row_weights(codes, units, self.balance))

    def _probabilities(self, X: Floats) -> Floats:
        # The scikit-learn face of the library warns of missing feature names on plain arrays; its booster does not.
        raw = np.asarray(self.model_.booster_.predict(X, num_threads=self.threads), dtype=np.float64)
        return raw if raw.ndim == 2 else np.column_stack([1.0 - raw, raw])
