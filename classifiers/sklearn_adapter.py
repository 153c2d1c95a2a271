"""Any scikit-learn classifier as one of ours, unless it would split patients behind our back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.base import ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import (
    Codes,
    FeatureClassifier,
    Floats,
    RandomState,
    Units,
    seed_of,
    standardised,
)
from classifiers.inner_splits import Cv, inner_splits


class SklearnAdapter(FeatureClassifier):
    """A scikit-learn classifier behind median imputing and standardising.

    Its own parameters are seen through `get_params` as `estimator__...`. A meta-estimator that splits (one with the
    parameter `cv`) gets patient-disjoint (train, test) pairs; imputing and scaling, which see no labels, are fitted
    once for all of them. Cells are not weighed here: give the estimator its own `class_weight`.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Cloned before it is fitted.
    cv : splitter, iterable of (train, test), or None
        For an estimator that splits. None: four patient-disjoint folds, see `classifiers.inner_splits`.
    random_state : int, RandomState or None
        Where not None, it seeds every parameter `random_state` of the estimator and of those inside it.

    Attributes
    ----------
    model_ : Pipeline
        The fitted preparation and estimator.
    """

    def __init__(self, estimator: Any, *, cv: Cv = None, random_state: RandomState = None) -> None:
        self.estimator = estimator
        self.cv = cv
        self.random_state = random_state

    @property
    def feature_importances_(self) -> Any:
        """What the fitted estimator tells by this name; an AttributeError where it tells nothing."""
        check_is_fitted(self)
        return self.model_.named_steps["classify"].feature_importances_

    @property
    def tunable(self) -> bool:
        """Whether `--tune` applies: the attribute of the estimator, by default True."""
        return bool(getattr(self.estimator, "tunable", True))

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Search space of the estimator; empty if it has none."""
        own = getattr(self.estimator, "search_space", None)
        return {} if own is None else {f"estimator__{name}": value for name, value in own(trial).items()}

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        check_wrappable(self.estimator)
        labels = self.classes_[codes]
        inner = clone(self.estimator)
        settings: dict[str, Any] = {}
        if self.random_state is not None:
            settings = dict.fromkeys(_named(inner, "random_state"), seed_of(self.random_state))
        splitting = _named(inner, "cv")
        if splitting:
            pairs = inner_splits(self.cv, X, labels, units)
            if not pairs:
                raise ValueError(
                    f"{type(inner).__name__} splits its training cells, but a class has fewer than two patients"
                )
            settings[splitting[0]] = pairs
        inner.set_params(**settings)
        self.model_ = Pipeline([*standardised().steps, ("classify", inner)]).fit(X, labels)

    def _probabilities(self, X: Floats) -> Floats:
        probabilities: Floats = self.model_.predict_proba(X)
        return probabilities


def check_wrappable(estimator: Any) -> None:
    """Refuse what is no classifier with probabilities, and what would split cells of one patient.

    Parameters
    ----------
    estimator : class or instance
        Of a class only what holds for any of its parameters is checked; `SklearnAdapter.fit` checks the instance.

    Raises
    ------
    ValueError
        No scikit-learn classifier; no `predict_proba`; early stopping on random rows; `probability=True`; a number
        as `cv`; a parameter `cv` whose rows are not the training cells; a number of jobs of its own.
    """
    cls = estimator if isinstance(estimator, type) else type(estimator)
    if not _is_classifier(estimator):
        name = _import_path(cls) if isinstance(estimator, type) else repr(estimator)
        raise ValueError(f"{name} is no scikit-learn classifier")
    if not isinstance(estimator, type):
        _check_parameters(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{cls.__name__} gives no probabilities (predict_proba) as it is; for a support vector machine take svm, "
            "else choose its parameters so that it does (loss=log_loss, voting=soft), or wrap it in "
            f"sklearn.calibration.CalibratedClassifierCV[estimator={_import_path(cls)}[]]"
        )


def _is_classifier(estimator: Any) -> bool:
    if not isinstance(estimator, type):
        return isinstance(estimator, ClassifierMixin) or (hasattr(estimator, "get_params") and is_classifier(estimator))
    # What a search or another meta-estimator is, depends on what it holds.
    return issubclass(estimator, ClassifierMixin | MetaEstimatorMixin)


def _check_parameters(estimator: Any) -> None:
    for owner, path, params in _nested(estimator):
        name = type(owner).__name__
        _check_early_stopping(name, params)
        if params.get("probability") is True:
            raise ValueError(f"{name}[probability=true] calibrates on random cells; take svm, which does it by patient")
        if params.get("n_jobs") not in (None, 1):
            raise ValueError(f"{name}[n_jobs={params['n_jobs']}]: threads are set for all fits alike; leave n_jobs out")
        if "cv" in params:
            _check_cv(name, path, params["cv"], estimator)


def _check_early_stopping(name: str, params: dict[str, Any]) -> None:
    stopping = params.get("early_stopping", False)
    if stopping is True or stopping == "auto":
        raise ValueError(
            f"{name}[early_stopping={str(stopping).lower()}] sets random cells of its training patients aside; "
            f"write {name}[early_stopping=false] and tune the number of iterations"
        )
    holds_out = "early_stopping" not in params and "validation_fraction" in params
    if holds_out and params.get("n_iter_no_change") is not None:
        raise ValueError(
            f"{name}[n_iter_no_change={params['n_iter_no_change']}] sets random cells of its training patients aside; "
            f"leave n_iter_no_change out and tune n_estimators"
        )


def _check_cv(name: str, path: tuple[Any, ...], cv: Any, estimator: Any) -> None:
    if cv is not None:
        raise ValueError(f"{name}[cv={cv}]: inner splits are drawn by patient; leave cv out")
    if not all(isinstance(parent, Pipeline) for parent in path):
        raise ValueError(
            f"{name} inside {type(estimator).__name__} would split cells that are not the training cells as a whole, "
            "so patients cannot be kept together; use one of the two alone"
        )


def _nested(estimator: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """Every estimator inside another, with those that hold it, outermost first, and its own parameters."""
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


def _named(estimator: Any, parameter: str) -> list[str]:
    """The parameters of that name, of the estimator and of those inside it."""
    return [name for name in sorted(estimator.get_params()) if name.rsplit("__", 1)[-1] == parameter]
