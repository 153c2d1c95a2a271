"""Classifier on selected or projected features: analysis of variance, principal components, or a random forest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, shares, standardised
from classifiers.forest_selection import ForestSelection
from classifiers.nested_fits import fit_clone, is_tunable, nested_search_space, probabilities_of
from extractors.epoch_scores import OnEpoch
from extractors.grouped_splits import Cv
from extractors.random_state import RandomState, random_seed

METHODS = ("anova", "pca", "rf")

MEAN = "mean"
"""Value of `k` with a random forest: all features whose importance is at least the mean."""

TREES = 100
"""Default number of trees of the forest."""


@dataclass(eq=False, repr=False, kw_only=True)
class Select(FeatureClassifier):
    """A classifier on features that are selected or projected in every fit, from training cells only.

    As a selector: `select[by=anova,k=100,classifier=svm]`. Missing values are replaced by the median and features are
    standardised, then `k` features or components are computed and passed to the classifier. Cells are not weighted in
    the selection; the classifier weighs them as it does without selection. Our classifiers and the adapter standardise
    their inputs again, which gives principal components equal variance (whitening).

    Parameters
    ----------
    classifier : classifier
        Classifier of features; cloned before it is fitted. One that splits its training cells, as `svm` for its
        probabilities, splits cells that were part of the selection, so that these probabilities are too extreme;
        `rf_svm` repeats the selection in these splits.
    by : {"anova", "pca", "rf"}
        "anova": features with the largest F of a one-way analysis of variance between the classes. "pca": principal
        components. "rf": features with the largest importance in a random forest (mean decrease of Gini impurity).
    k : int, float or "mean"
        Number of features or components. With "pca" also the share of the variance that the components explain at
        least, a number between 0 and 1. With "rf" also "mean": features with at least the mean importance.
    n_estimators : int
        Number of trees with "rf".
    cv : splitter or None
        Passed to a classifier that splits.
    random_state : int, RandomState or None
        Seed of the forest, of a randomised decomposition and of the classifier.
    threads : int or None
        Threads of the forest and of the classifier; None: one for the forest, the classifier is left unchanged.
    logger, checkpoint_dir, on_epoch
        Passed to a classifier that has these parameters.

    Attributes
    ----------
    selection_ : Pipeline
        The fitted steps before the classifier.
    members_ : list
        The fitted classifier.

    References
    ----------
    The methods are those of scikit-learn: `SelectKBest` with `f_classif`, `PCA`, and `SelectFromModel` with a
    `RandomForestClassifier`, except that a feature that no tree uses is never at least the mean.
    """

    classifier: Any = None
    by: str = "rf"
    k: int | float | str = MEAN
    n_estimators: int = TREES
    cv: Cv = None
    random_state: RandomState = None
    threads: int | None = None
    logger: Any = None
    checkpoint_dir: Any = None
    on_epoch: OnEpoch | None = None

    @property
    def tunable(self) -> bool:
        """Whether `--tune` applies: the attribute of the classifier, by default True."""
        return is_tunable(self.classifier)

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Search space of the classifier; empty if it has none. `k` is not tuned."""
        return nested_search_space(self.classifier, "classifier", trial)

    def validate_parameters(self) -> None:
        """Check the parameters.

        Raises
        ------
        ValueError
            One of them is not valid.
        """
        if self.classifier is None:
            raise ValueError("select needs a classifier: write select[by=anova,k=100,classifier=svm]")
        if getattr(self.classifier, "consumes", "features") != "features":
            raise ValueError("select has a classifier of features; this one is fitted on the cells themselves")
        if self.by not in METHODS:
            raise ValueError(f"by={self.by!r} is not known; it is one of {', '.join(METHODS)}")
        if not _is_count(self.n_estimators):
            raise ValueError(f"n_estimators={self.n_estimators!r} is not valid; it is a whole number of at least 1")
        if self.by != "rf" and self.n_estimators != TREES:
            raise ValueError(f"n_estimators is the number of trees of by=rf; omit it with by={self.by}")
        expected = {
            "anova": "a number of features, such as k=100",
            "pca": "a number of components, such as k=50, or a share of the variance between 0 and 1, such as k=0.95",
            "rf": f"a number of features, such as k=100, or {MEAN}",
        }[self.by]
        is_share = self.by == "pca" and _is_share(self.k)
        is_mean = self.by == "rf" and isinstance(self.k, str) and self.k == MEAN
        if not (_is_count(self.k) or is_share or is_mean):
            raise ValueError(f"k={self.k} is not valid with by={self.by}; it is {expected}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # scikit-learn's checks require a high accuracy on data of two features, of which a selection may drop one.
        tags.classifier_tags.poor_score = True
        return tags

    @property
    def selected_(self) -> Codes:
        """Selected columns, ascending; AttributeError for principal components, which combine all columns."""
        check_is_fitted(self)
        steps = self.selection_.named_steps
        if isinstance(steps["select"], PCA):
            raise AttributeError("principal components are no selection of features")
        return np.asarray(steps["drop"].columns_[_columns(steps["select"])])

    @property
    def feature_importances_(self) -> Floats:
        """Importance of each feature, float64 of shape (n_features_in_,), 0 for a feature that is not selected.

        The importances of the classifier; if it has none, those of the selection as shares: importance in the forest,
        or F. AttributeError for principal components.
        """
        selected, step = self.selected_, self.selection_.named_steps["select"]
        own = getattr(self.members_[0], "feature_importances_", None)
        if own is None or np.shape(own) != selected.shape:
            own = shares(_scores(step)[_columns(step)])
        importances = np.zeros(self.n_features_in_)
        importances[selected] = own
        return importances

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        self.validate_parameters()
        seed = None if self.random_state is None else random_seed(self.random_state)
        prepare = standardised()
        prepared = prepare.fit_transform(X)
        self._check_number(prepared)
        select = self._selection(seed).fit(prepared, codes)
        self.selection_ = Pipeline([*prepare.steps, ("select", select)])
        shared = {name: getattr(self, name) for name in ("threads", "cv", "logger", "checkpoint_dir", "on_epoch")}
        self.members_ = [
            fit_clone(
                self.classifier,
                select.transform(prepared),
                self.classes_[codes],
                groups=units,
                shared={**shared, "random_state": seed},
                where=self._where,
            )
        ]

    def _probabilities(self, X: Floats) -> Floats:
        return probabilities_of(self.members_[0], self.selection_.transform(X), where=self._where)

    @property
    def _where(self) -> str:
        return f"select[classifier={type(self.classifier).__name__}]"

    def _selection(self, seed: int | None) -> Any:
        """Return the unfitted step that selects or projects."""
        if self.by == "anova":
            return SelectKBest(variance_ratio, k=self.k)
        if self.by == "pca":
            return PCA(self.k, random_state=seed)
        forest = RandomForestClassifier(self.n_estimators, random_state=seed, n_jobs=self.threads or 1)
        if isinstance(self.k, str):
            return ForestSelection(forest, threshold=MEAN, min_features=1, max_features=None)
        return ForestSelection(forest, threshold=0.0, min_features=int(self.k), max_features=int(self.k))

    def _check_number(self, X: Floats) -> None:
        if not _is_count(self.k):
            return
        number, (rows, columns) = int(self.k), X.shape
        if number > columns:
            raise ValueError(
                f"k={number} is more than the {columns} features that have a value in the training cells; use k of at "
                f"most {columns}"
            )
        if self.by == "pca" and number > rows:
            raise ValueError(f"k={number} components need as many training cells; there are {rows}")


def variance_ratio(X: Floats, y: Codes) -> tuple[Floats, Floats]:
    """Compute F and its p-value of each feature (`sklearn.feature_selection.f_classif`); NaN for a constant feature.

    Parameters
    ----------
    X : ndarray of float64, shape (n_cells, n_features)
    y : ndarray of int, shape (n_cells,)
        Class codes.

    Returns
    -------
    F, p : ndarray of float64, shape (n_features,)
        F is infinite for a feature that is constant in each class, but not overall.
    """
    values = np.full((2, X.shape[1]), np.nan)
    varying = np.flatnonzero(np.ptp(X, axis=0) > 0)
    if len(varying):
        with np.errstate(divide="ignore"):
            values[:, varying] = f_classif(X[:, varying], y)
    return values[0], values[1]


def _columns(step: Any) -> Codes:
    """Return the selected columns among those that the step was fitted on."""
    return np.asarray(step.selected_ if isinstance(step, ForestSelection) else step.get_support(indices=True))


def _scores(step: Any) -> Floats:
    """Return the scores of all columns that the step was fitted on: finite, at least 0."""
    if isinstance(step, ForestSelection):
        return step.importances_
    scores = np.nan_to_num(np.asarray(step.scores_, dtype=np.float64), nan=0.0, posinf=np.inf).clip(min=0)
    infinite = np.isinf(scores)
    return np.asarray(infinite, dtype=np.float64) if infinite.any() else scores


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def _is_share(value: object) -> bool:
    return isinstance(value, float | np.floating) and 0 < float(value) < 1
