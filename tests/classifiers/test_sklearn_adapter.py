"""Adapter for scikit-learn classifiers, and rejection of those that would split patients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import all_estimators

from classifiers.sklearn_adapter import SklearnAdapter, check_wrappable


def test_it_equals_the_estimator_after_imputation_and_scaling(planted: Any) -> None:
    data = planted((5, 5, 5), signal=0.7)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(data.X, data.y)
    ours = SklearnAdapter(LogisticRegression(C=0.1)).fit(data.X, data.y, data.groups)
    np.testing.assert_allclose(ours.predict_proba(data.X), theirs.predict_proba(data.X), atol=1e-12)


def test_nested_parameters() -> None:
    wrapped = SklearnAdapter(LogisticRegression(C=0.1))
    assert wrapped.get_params()["estimator__C"] == 0.1
    assert clone(wrapped).set_params(estimator__C=3.0).estimator.C == 3.0
    assert wrapped.search_space(None) == {}


def test_the_estimator_receives_the_original_labels(planted: Any) -> None:
    data = planted((6, 6), signal=0.3)
    names = np.array(["HEM", "ALL"])[data.y]
    skewed = SklearnAdapter(LogisticRegression(class_weight={"ALL": 1000.0, "HEM": 0.001})).fit(data.X, names)
    assert set(skewed.predict(data.X)) == {"ALL"}


@pytest.mark.parametrize(
    "estimator",
    [
        CalibratedClassifierCV(LinearSVC()),
        CalibratedClassifierCV(LinearDiscriminantAnalysis(), ensemble=False),
        LogisticRegressionCV(Cs=2, scoring="neg_log_loss", l1_ratios=(0.0,), use_legacy_attributes=False),
        StackingClassifier([("lda", LinearDiscriminantAnalysis())], final_estimator=LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}),
        make_pipeline(PCA(2), CalibratedClassifierCV(LinearSVC())),
    ],
    ids=lambda e: type(e).__name__,
)
def test_meta_estimators_receive_patient_disjoint_splits(estimator: Any, spy: Any, planted: Any) -> None:
    data = planted()
    fitted = SklearnAdapter(estimator, cv=spy).fit(data.X, data.y, data.groups)
    np.testing.assert_array_equal(spy.groups[0], data.groups)
    inner = fitted.model_.named_steps["classify"].get_params()
    (pairs,) = (value for name, value in inner.items() if name.rsplit("__", 1)[-1] == "cv")
    assert len(pairs) == 3
    assert not any(set(data.groups[a]) & set(data.groups[b]) for a, b in pairs)
    assert fitted.predict_proba(data.X).shape == (len(data.y), 2)


def test_meta_estimators_need_two_patients_per_class(planted: Any) -> None:
    data = planted((4, 1))
    with pytest.raises(ValueError, match="CalibratedClassifierCV splits its training cells, but a class has fewer"):
        SklearnAdapter(CalibratedClassifierCV(LinearSVC())).fit(data.X, data.y, data.groups)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LinearRegression(), "is not a scikit-learn classifier"),
        (LinearRegression, "is not a scikit-learn classifier"),
        ("svm", "is not a scikit-learn classifier"),
        (LinearSVC(), "has no predict_proba"),
        (LinearSVC, r"CalibratedClassifierCV\[estimator=sklearn.svm.LinearSVC\[\]\]"),
        (SVC(), "use svm"),
        (SGDClassifier(), "has no predict_proba"),
        (HistGradientBoostingClassifier(), r"HistGradientBoostingClassifier\[early_stopping=false\]"),
        (MLPClassifier(early_stopping=True), r"MLPClassifier\[early_stopping=false\]"),
        (SGDClassifier(loss="log_loss", early_stopping=True), r"SGDClassifier\[early_stopping=false\]"),
        (GradientBoostingClassifier(n_iter_no_change=5), "omit n_iter_no_change"),
        (BaggingClassifier(MLPClassifier(early_stopping=True)), "MLPClassifier"),
        (VotingClassifier([("h", HistGradientBoostingClassifier())], voting="soft"), "HistGradientBoostingClassifier"),
        (CalibratedClassifierCV(LinearSVC(), cv=5), "omit cv"),
        (BaggingClassifier(CalibratedClassifierCV(LinearSVC())), "CalibratedClassifierCV inside BaggingClassifier"),
        (GridSearchCV(LogisticRegressionCV(), {}), "LogisticRegressionCV inside GridSearchCV"),
        (LogisticRegression(n_jobs=4), "omit n_jobs"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)
def test_errors_suggest_a_solution(estimator: Any, message: str, planted: Any) -> None:
    with pytest.raises(ValueError, match=message):
        check_wrappable(estimator)
    if not isinstance(estimator, type):
        data = planted()
        with pytest.raises(ValueError, match=message):
            SklearnAdapter(estimator).fit(data.X, data.y, data.groups)


def test_probability_of_a_support_vector_machine_raises() -> None:
    with pytest.raises(ValueError, match="use svm, which splits by patient"):
        check_wrappable(SVC(probability=True))


def test_random_state_is_passed_to_nested_estimators(planted: Any) -> None:
    data = planted(signal=0.5)
    bag = BaggingClassifier(ExtraTreesClassifier(n_estimators=3), n_estimators=3)
    first, again, other = (
        SklearnAdapter(bag, random_state=s).fit(data.X, data.y, data.groups).predict_proba(data.X) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert bag.random_state is None


def test_every_scikit_learn_classifier_is_fitted_or_rejected(planted: Any) -> None:
    data = planted((4, 4), cells=5)
    fitted, rejected = set(), set()
    for name, cls in all_estimators(type_filter="classifier"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                estimator = cls()
        except TypeError:
            continue  # needs other estimators as arguments
        if "n_estimators" in estimator.get_params():
            estimator.set_params(n_estimators=5)
        try:
            check_wrappable(estimator)
        except ValueError:
            rejected.add(name)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                probabilities = (
                    SklearnAdapter(estimator, random_state=0).fit(data.X, data.y, data.groups).predict_proba(data.X)
                )
            except ValueError as error:
                assert "negative" in str(error).lower(), name
                continue
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
        fitted.add(name)
    assert {"LogisticRegression", "RandomForestClassifier", "MLPClassifier", "CalibratedClassifierCV"} <= fitted
    assert {"LinearSVC", "SVC", "HistGradientBoostingClassifier", "RidgeClassifierCV", "Perceptron"} <= rejected
    assert len(fitted) >= 18


def test_importances_are_those_of_the_estimator(planted: Any) -> None:
    data = planted(features=5)
    trees = SklearnAdapter(ExtraTreesClassifier(n_estimators=10, random_state=0)).fit(data.X, data.y, data.groups)
    theirs = make_pipeline(StandardScaler(), ExtraTreesClassifier(n_estimators=10, random_state=0)).fit(data.X, data.y)
    np.testing.assert_array_equal(trees.feature_importances_, theirs[-1].feature_importances_)
    assert not hasattr(SklearnAdapter(LogisticRegression()).fit(data.X, data.y, data.groups), "feature_importances_")
    assert not hasattr(SklearnAdapter(ExtraTreesClassifier()), "feature_importances_"), "importances need a fit"
