"""Fits of classifiers inside another one: shared parameters, groups, and errors that name the classifier."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from classifiers.feature_classifier import Floats, Units

T = TypeVar("T")


def is_tunable(classifier: Any) -> bool:
    """Return whether `--tune` applies to a classifier inside another one: its attribute, by default True."""
    return bool(getattr(classifier, "tunable", True))


def nested_search_space(classifier: Any, parameter: str, trial: Any) -> dict[str, Any]:
    """Return the search space of a classifier that is the value of a parameter; empty if it has none."""
    own = getattr(classifier, "search_space", None)
    return {} if own is None else {f"{parameter}__{name}": value for name, value in own(trial).items()}


def fit_clone(
    classifier: Any, X: Any, y: npt.NDArray[Any], *, groups: Units, shared: Mapping[str, Any], where: str
) -> Any:
    """Fit a clone of a classifier.

    Parameters
    ----------
    classifier : scikit-learn classifier
        Cloned; `groups` are passed if its `fit` takes them.
    X : features or cells
        Training data.
    y : ndarray, shape (n_rows,)
        Labels.
    groups : ndarray, shape (n_rows,)
        The patient of each row.
    shared : mapping
        Parameters to set, such as `random_state`, where the classifier has them and the value is not None.
    where : str
        Name in errors, such as `member svm of ensemble[members=svm+knn]`.

    Raises
    ------
    ValueError
        The fit failed, for any reason, or the classifier has other classes than the labels.
    """
    names = classifier.get_params(deep=False)
    changes = {name: value for name, value in shared.items() if name in names and value is not None}
    with_groups = "groups" in inspect.signature(classifier.fit).parameters
    extra = {"groups": groups} if with_groups else {}
    fitted = named_errors(where, lambda: clone(classifier).set_params(**changes).fit(X, y, **extra))
    if not np.array_equal(fitted.classes_, np.unique(y)):
        raise ValueError(f"{where}: has the classes {fitted.classes_}; the labels are {np.unique(y)}")
    return fitted


def probabilities_of(fitted: Any, X: Any, *, where: str) -> Floats:
    """Predict float64 probabilities of shape (n_rows, n_classes).

    Raises
    ------
    ValueError
        The prediction failed, for any reason, or has another shape.
    """
    values = np.asarray(named_errors(where, lambda: fitted.predict_proba(X)), dtype=np.float64)
    if values.shape != (len(X), len(fitted.classes_)):
        raise ValueError(f"{where}: returned probabilities of shape {values.shape} for {len(X)} cells")
    return values


def inner_checkpoint(folder: str | Path | None, *names: object) -> str | None:
    """Return the folder in which a nested fit saves its progress; None if the outer fit has no folder."""
    return None if folder is None else str(Path(folder).joinpath("-".join(map(str, names))))


def named_errors(where: str, work: Callable[[], T]) -> T:
    """Call a function; an error becomes a ValueError that names the classifier."""
    try:
        return work()
    except Exception as error:  # the classifier of a third party may raise anything
        unexplained = type(error).__module__ == "builtins" and not isinstance(error, ValueError | OSError)
        kind = f"{type(error).__name__}: " if unexplained else ""
        raise ValueError(f"{where}: {kind}{error}") from error
