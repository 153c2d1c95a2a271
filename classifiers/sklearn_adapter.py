"""Adapter for scikit-learn classifiers; rejects ungrouped internal splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, standardised
from classifiers.inner_splits import inner_splits
from classifiers.nested_fits import is_tunable, nested_search_space
from extractors.grouped_splits import Cv
from extractors.random_state import RandomState, random_seed


@dataclass(eq=False, repr=False)
class SklearnAdapter(FeatureClassifier):
    """A scikit-learn classifier with median imputation and standardisation.

    Nested parameters are available as `estimator__...`. A meta-estimator that splits (with the parameter `cv`) gets
    patient-disjoint (train, test) pairs; imputation and scaling, which do not use labels, are fitted once for all of
    them. Cells are not weighted; set `class_weight` of the estimator.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Cloned before it is fitted.
    cv : splitter, iterable of (train, test), or None
        Splits for an estimator that splits. None: four patient-disjoint folds, see `classifiers.inner_splits`.
    random_state : int, RandomState or None
        Seed of every parameter `random_state` of the estimator and of nested estimators; None leaves them unchanged.

    Attributes
    ----------
    model_ : Pipeline
        The fitted preprocessing and estimator.
    """

    estimator: Any
    _: KW_ONLY
    cv: Cv = None
    random_state: RandomState = None

    @property
    def feature_importances_(self) -> Any:
        """Importances of the fitted estimator, 0 for a dropped feature; AttributeError if it has none."""
        check_is_fitted(self)
        own, columns = (
            self.model_.named_steps["classify"].feature_importances_,
            self.model_.named_steps["drop"].columns_,
        )
        if np.shape(own) != (len(columns),):
            return own
        importances = np.zeros(self.n_features_in_)
        importances[columns] = own
        return importances

    @property
    def tunable(self) -> bool:
        """Whether `--tune` applies: the attribute of the estimator, by default True."""
        return is_tunable(self.estimator)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Search space of the estimator; empty if it has none."""
        return nested_search_space(self.estimator, "estimator", trial)

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        check_wrappable(self.estimator)
        labels = self.classes_[codes]
        inner = clone(self.estimator)
        settings: dict[str, Any] = {}
        if self.random_state is not None:
            settings = dict.fromkeys(_nested_names(inner, "random_state"), random_seed(self.random_state))
        cv_names = _nested_names(inner, "cv")
        if cv_names:
            pairs = inner_splits(self.cv, X, labels, units)
            if not pairs:
                raise ValueError(
                    f"{type(inner).__name__} splits its training cells, but a class has fewer than two patients"
                )
            settings[cv_names[0]] = pairs
        inner.set_params(**settings)
        self.model_ = Pipeline([*standardised().steps, ("classify", inner)]).fit(X, labels)

    def _probabilities(self, X: Floats) -> Floats:
        probabilities: Floats = self.model_.predict_proba(X)
        return probabilities


def check_wrappable(estimator: Any) -> None:
    """Check that an estimator is a classifier with probabilities and would not split the cells of a patient.

    Parameters
    ----------
    estimator : class or instance
        For a class, only properties that do not depend on parameters are checked; `SklearnAdapter.fit` checks the
        instance.

    Raises
    ------
    ValueError
        The estimator is not a scikit-learn classifier, has no `predict_proba`, stops early on random rows, has
        `probability=True`, its own `cv` or `n_jobs`, or a nested `cv` whose rows are not the training cells.
    """
    cls = estimator if isinstance(estimator, type) else type(estimator)
    if not _is_classifier(estimator):
        name = _import_path(cls) if isinstance(estimator, type) else repr(estimator)
        raise ValueError(f"{name} is not a scikit-learn classifier")
    if not isinstance(estimator, type):
        _check_parameters(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{cls.__name__} has no predict_proba with these parameters; for a support vector machine use svm, "
            "otherwise set parameters that enable it (loss=log_loss, voting=soft), or wrap it in "
            f"sklearn.calibration.CalibratedClassifierCV[estimator={_import_path(cls)}[]]"
        )


def _is_classifier(estimator: Any) -> bool:
    if not isinstance(estimator, type):
        return isinstance(estimator, ClassifierMixin) or (hasattr(estimator, "get_params") and is_classifier(estimator))
    # Whether a search or another meta-estimator is a classifier depends on its nested estimator.
    return issubclass(estimator, ClassifierMixin | MetaEstimatorMixin)


def _check_parameters(estimator: Any) -> None:
    for owner, path, params in _nested(estimator):
        name = type(owner).__name__
        _check_early_stopping(name, params)
        if params.get("probability") is True:
            raise ValueError(f"{name}[probability=true] calibrates on random cells; use svm, which splits by patient")
        if params.get("n_jobs") not in (None, 1):
            raise ValueError(f"{name}[n_jobs={params['n_jobs']}]: threads are set for all fits together; omit n_jobs")
        if "cv" in params:
            _check_cv(name, path, params["cv"], estimator)


def _check_early_stopping(name: str, params: dict[str, Any]) -> None:
    stopping = params.get("early_stopping", False)
    if stopping is True or stopping == "auto":
        raise ValueError(
            f"{name}[early_stopping={str(stopping).lower()}] holds out random cells of its training patients; "
            f"write {name}[early_stopping=false] and tune the number of iterations"
        )
    holds_out = "early_stopping" not in params and "validation_fraction" in params
    if holds_out and params.get("n_iter_no_change") is not None:
        raise ValueError(
            f"{name}[n_iter_no_change={params['n_iter_no_change']}] holds out random cells of its training patients; "
            "omit n_iter_no_change and tune n_estimators"
        )


def _check_cv(name: str, path: tuple[Any, ...], cv: Any, estimator: Any) -> None:
    if cv is not None:
        raise ValueError(f"{name}[cv={cv}]: inner splits are made by patient; omit cv")
    if not all(isinstance(parent, Pipeline) for parent in path):
        raise ValueError(
            f"{name} inside {type(estimator).__name__} would split a subset of the training cells, for which no "
            "patient-disjoint splits are available; use one of the two alone"
        )


def _nested(estimator: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """Yield an estimator and all nested ones, each with its parents, outermost first, and its parameters."""
    params = estimator.get_params(deep=False)
    yield estimator, path, params
    for value in _estimators_in(params.values()):
        yield from _nested(value, (*path, estimator))


def _estimators_in(values: Any) -> Iterator[Any]:
    for value in values:
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield value
        elif isinstance(value, list | tuple):
            yield from _estimators_in(value)


def _import_path(cls: type) -> str:
    public = [part for part in cls.__module__.split(".") if not part.startswith("_")]
    return ".".join([*public, cls.__qualname__])


def _nested_names(estimator: Any, parameter: str) -> list[str]:
    """List the full names of a parameter in the estimator and nested ones."""
    return [name for name in sorted(estimator.get_params()) if name.rsplit("__", 1)[-1] == parameter]
