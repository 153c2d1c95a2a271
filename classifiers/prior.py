"""Baseline that predicts the share of each class among the training patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Floats, ProbabilityClassifier
from extractors.labelled_rows import unit_weights, units_of_rows


class Prior(ProbabilityClassifier):
    """Predict the share of each class among the training patients for every cell.

    It consumes cells, so that it needs no extractor, but reads no image. Predictions are constant: within a fold the
    AUROC is 1/2. A useful classifier has a lower Brier score and log loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in sort order.
    shares_ : ndarray of float64, shape (n_classes,)
        Predicted probabilities; they sum to 1.
    """

    consumes: ClassVar[str] = "cells"
    tunable: ClassVar[bool] = False

    def fit(self, X: Sequence[Any], y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Compute the share of patients of each class; a cell has weight 1 / (cells of its patient).

        Parameters
        ----------
        X : sequence of length n_cells
            Only its length is used.
        y : array-like of shape (n_cells,)
            Labels; one class is enough.
        groups : array-like of shape (n_cells,), optional
            The patient (split unit) of each cell. A patient with cells of several classes contributes to each class in
            proportion to its cells. Default: each cell is its own patient.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            There are no cells, labels and cells differ in number, or groups have another length or missing entries.
        """
        labels = np.asarray(y)
        if len(X) == 0 or labels.shape != (len(X),):
            raise ValueError(f"{len(X)} cells with labels of shape {labels.shape}; one label for each cell is expected")
        weight = unit_weights(units_of_rows(groups, len(X)))
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.shares_ = np.bincount(codes, weights=weight) / weight.sum()
        return self

    def predict_proba(self, X: Sequence[Any]) -> Floats:
        """Return the shares for every cell, float64 of shape (n_cells, n_classes)."""
        check_is_fitted(self)
        return np.tile(self.shares_, (len(X), 1))
