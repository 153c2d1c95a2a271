"""Gaussian Naive Bayes on standardised features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.naive_bayes import GaussianNB

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, standardised
from classifiers.weighting import row_weights

_ROUNDED = 1e-9
"""Largest difference from 1 of a sum of probabilities."""


@dataclass(eq=False, repr=False, kw_only=True)
class NaiveBayes(FeatureClassifier):
    """Gaussian Naive Bayes.

    Features are imputed by the median and standardised. Features are assumed independent within a class, so that with
    correlated features the probabilities are too close to 0 and 1; their ranking is not affected.

    Parameters
    ----------
    var_smoothing : float
        Share of the largest feature variance that is added to all variances, at least 0.
    balance : {"patients", "cells", "none"}
        Weighting of cells; see `classifiers.weighting.row_weights`. With "patients" and "cells" the classes have equal
        priors; with "none" the priors are the class shares of the training cells.
    """

    var_smoothing: float = 1e-9
    balance: str = "patients"

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Smoothing of the variances."""
        return {"var_smoothing": trial.suggest_float("var_smoothing", 1e-10, 1e1, log=True)}

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        self.preparation_ = standardised().fit(X)
        self.model_ = GaussianNB(var_smoothing=self.var_smoothing).fit(
            self.preparation_.transform(X), codes, sample_weight=row_weights(codes, units, self.balance)
        )

    def _probabilities(self, X: Floats) -> Floats:
        prepared = self.preparation_.transform(X)
        probabilities: Floats = self.model_.predict_proba(prepared)
        # Log-likelihoods of very narrow classes are so large that the logarithm of their sum is rounded.
        rounded = np.abs(probabilities.sum(axis=1) - 1) > _ROUNDED
        if rounded.any():
            probabilities[rounded] = softmax(self.model_.predict_joint_log_proba(prepared[rounded]), axis=1)
        return probabilities
