"""Base classes of the classifiers: validation of X, y and groups, labels and tags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from classifiers.empty_columns import DropEmptyColumns, columns_with_values
from extractors.labelled_rows import class_codes, units_of_rows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Units = npt.NDArray[Any]


class ProbabilityClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn is untyped
    """Base class of the classifiers: the prediction is the most probable class."""

    @abstractmethod
    def predict_proba(self, X: Any) -> Floats:
        """Predict probabilities, float64 of shape (n_cells, n_classes) in the order of `classes_`; rows sum to 1."""

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Predict the most probable class of each cell, the first one in a tie; shape (n_cells,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])


class FeatureClassifier(ProbabilityClassifier):
    """Base class of the classifiers of features; subclasses implement `_train` and `_probabilities` on class codes.

    Subclasses are dataclasses whose fields are the parameters; equality and repr are those of scikit-learn.

    NaN in X means that a feature is undefined for a cell; every subclass supports it. A feature that is NaN in every
    training cell is not used, whatever values it has in other cells. All computations are in float64,
    so that the same features stored as float32 or float64 give the same model.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels in sort order.
    n_features_in_ : int
        Number of features.
    """

    consumes: ClassVar[str] = "features"

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Train on one row per cell.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_features)
            Features; NaN is allowed, infinity is not.
        y : array-like of shape (n_cells,)
            Labels: integers, booleans or strings; at least two classes.
        groups : array-like of shape (n_cells,), optional
            The patient (split unit) of each cell. Default: each row is its own patient.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            There is only one class, groups have another length or missing entries, X contains infinity or no value at
            all, or a parameter is out of range.
        """
        features, labels = training_features(self, X, y)
        self.classes_, codes = class_codes(labels)
        self._train(features, codes, units_of_rows(groups, len(codes)))
        return self

    def predict_proba(self, X: npt.ArrayLike) -> Floats:
        """Predict probabilities, float64 of shape (n_cells, n_classes) in the order of `classes_`; each row sums to 1.

        Raises
        ------
        ValueError
            The number of features differs from training, or X contains infinity.
        """
        check_is_fitted(self)
        features = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(self._probabilities(features), dtype=np.float64)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Draw parameters for one Optuna trial; apply with `clone(clf).set_params(**clf.search_space(trial))`.

        Parameters
        ----------
        trial : optuna.trial.BaseTrial
            Source of the values.

        Returns
        -------
        dict of str to parameter value
            Empty if there is nothing to tune.
        """
        return {}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @abstractmethod
    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        """Train on class codes 0..n_classes-1, all of them present; `units` are the patients of the rows."""

    @abstractmethod
    def _probabilities(self, X: Floats) -> npt.NDArray[np.floating[Any]]:
        """Predict probabilities by class code."""


def training_features(
    classifier: ProbabilityClassifier, X: npt.ArrayLike, y: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[Any]]:
    """Validate the training data of a classifier of features, and set its `n_features_in_`.

    Raises
    ------
    ValueError
        As `FeatureClassifier.fit`.
    """
    features, labels = validate_data(classifier, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
    check_classification_targets(labels)
    columns_with_values(features)
    return features, labels


def standardised() -> Pipeline:
    """Create an unfitted pipeline: median imputation, then mean 0 and standard deviation 1.

    A column without a value in any training row is dropped; a constant column becomes 0.
    """
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("drop", DropEmptyColumns()), ("impute", impute), ("scale", StandardScaler())])


def shares(values: npt.ArrayLike) -> Floats:
    """Scale non-negative importances to shares: float64 that sum to 1, or all 0 if all importances are 0."""
    importances = np.asarray(values, dtype=np.float64)
    return np.asarray(importances / (importances.sum() or 1.0), dtype=np.float64)
