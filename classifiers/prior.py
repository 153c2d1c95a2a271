"""The share of each class among the training patients: what is known of a cell without looking at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Floats, units_of_rows


class Prior(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Every cell gets the share of each class among the training patients, whatever it looks like.

    It consumes cells, so that it stands in a table without an extractor, but reads no image. It ranks nothing: within a
    fold its AUROC is 1/2. Its Brier score and log loss are those that a classifier has to undercut.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in sort order.
    shares_ : ndarray of float64, shape (n_classes,)
        What is predicted; they sum to 1.
    """

    consumes: ClassVar[str] = "cells"
    tunable: ClassVar[bool] = False

    def fit(self, X: Sequence[Any], y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Count the patients of each class; a cell weighs 1 / (cells of its patient).

        Parameters
        ----------
        X : sequence of length n_cells
            Only its length is looked at.
        y : array-like of shape (n_cells,)
            Labels; one class is enough.
        groups : array-like of shape (n_cells,), optional
            The patient (split unit) of each cell. A patient with cells of several classes counts for each with the
            share of these cells. Default: each cell is its own patient.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            No cell, not one label a cell, or groups of another length or with missing entries.
        """
        labels = np.asarray(y)
        if len(X) == 0 or labels.shape != (len(X),):
            raise ValueError(f"{len(X)} cells with labels of shape {labels.shape}; one label for each cell is expected")
        _, unit_of = np.unique(units_of_rows(groups, len(X)), return_inverse=True)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        weight = 1.0 / np.bincount(unit_of)[unit_of]
        self.shares_ = np.bincount(codes, weights=weight) / weight.sum()
        return self

    def predict_proba(self, X: Sequence[Any]) -> Floats:
        """The shares for every cell, float64 of shape (n_cells, n_classes)."""
        check_is_fitted(self)
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X: Sequence[Any]) -> npt.NDArray[Any]:
        """The class of most patients for every cell, the first of them at a tie; shape (n_cells,)."""
        check_is_fitted(self)
        return np.full(len(X), self.classes_[np.argmax(self.shares_)])
