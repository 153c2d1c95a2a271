"""Properties of all classifiers of features."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from classifiers.bagging import Bagging
from classifiers.ensemble import Ensemble
from classifiers.knn import Knn
from classifiers.lightgbm import LightGBM
from classifiers.naive_bayes import NaiveBayes
from classifiers.rf_svm import RfSvm
from classifiers.selection import Select
from classifiers.sklearn_adapter import SklearnAdapter
from classifiers.svm import Svm
from classifiers.xgboost import XGBoost

OURS = [
    Knn(),
    NaiveBayes(),
    Svm(),
    RfSvm(n_estimators=5, random_state=0),
    XGBoost(n_estimators=20, random_state=0),
    LightGBM(n_estimators=20, random_state=0),
]
ALL = [
    *OURS,
    SklearnAdapter(LogisticRegression()),
    Ensemble(members=(Knn(), NaiveBayes())),
    Bagging(of=NaiveBayes(), n=2, random_state=0),
    Select(classifier=NaiveBayes(), n_estimators=5, random_state=0),
    Select(classifier=SklearnAdapter(LogisticRegression()), by="pca", k=0.9, random_state=0),
]

every = pytest.mark.parametrize("classifier", ALL, ids=lambda c: type(c).__name__)
each_of_ours = pytest.mark.parametrize("classifier", OURS, ids=lambda c: type(c).__name__)


@parametrize_with_checks([*ALL, Select(classifier=NaiveBayes(), by="anova", k=1)])
def test_scikit_learn_contract(estimator: Any, check: Any) -> None:
    check(estimator)


@every
def test_learns_a_signal_with_missing_values_and_string_labels(classifier: Any, planted: Any) -> None:
    seen, unseen = planted(seed=1), planted(seed=2)
    names = np.array(["HEM", "ALL"])
    for data in (seen, unseen):
        data.X[np.random.default_rng(0).random(data.X.shape) < 0.1] = np.nan
        data.X[:, 5] = np.nan
    fitted = clone(classifier).fit(seen.X, names[seen.y], groups=seen.groups)
    probabilities = fitted.predict_proba(unseen.X)
    assert fitted.classes_.tolist() == ["ALL", "HEM"]
    assert roc_auc_score(unseen.y == 0, probabilities[:, 1]) > 0.9
    assert set(fitted.predict(unseen.X)) == {"ALL", "HEM"}
    assert fitted.consumes == "features"


@every
def test_a_feature_without_a_training_value_is_not_used(classifier: Any, planted: Any) -> None:
    seen, unseen = planted(seed=1), planted(seed=2)
    seen.X[:, 3] = np.nan
    fitted = clone(classifier).fit(seen.X, seen.y, groups=seen.groups)
    expected = fitted.predict_proba(unseen.X)
    unseen.X[:, 3] = 1e6
    np.testing.assert_array_equal(fitted.predict_proba(unseen.X), expected)
    importances = getattr(fitted, "feature_importances_", None)
    assert importances is None or (importances.shape == (6,) and importances[3] == 0 and importances[0] > 0)


@every
@pytest.mark.parametrize("features", [1, 6])
def test_only_missing_values_raise_one_sentence(classifier: Any, features: int, planted: Any) -> None:
    data = planted(features=features, informative=1)
    data.X[:] = np.nan
    with pytest.raises(
        ValueError, match=rf"^all values are missing \(NaN\): none of the {features} features has .* 128"
    ):
        clone(classifier).fit(data.X, data.y, groups=data.groups)


@every
@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_are_float64_and_sum_to_one(classifier: Any, classes: int, planted: Any) -> None:
    data = planted((5,) * classes, cells=6)
    probabilities = clone(classifier).fit(data.X, data.y, data.groups).predict_proba(data.X)
    assert probabilities.shape == (len(data.y), classes)
    assert probabilities.dtype == np.float64
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    assert np.mean(probabilities.argmax(axis=1) == data.y) > 0.6


@every
def test_results_are_reproducible(classifier: Any, planted: Any) -> None:
    data = planted((6, 6, 6))
    first, second = (clone(classifier).fit(data.X, data.y, data.groups).predict_proba(data.X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("classifier", OURS[3:], ids=lambda c: type(c).__name__)
def test_random_state_changes_the_model(classifier: Any, planted: Any) -> None:
    data = planted(features=30, signal=0.5)
    first, second = (
        clone(classifier).set_params(random_state=s).fit(data.X, data.y, data.groups).predict_proba(data.X)
        for s in (0, 2**32 - 1)
    )
    assert not np.array_equal(first, second)


@every
def test_float32_and_float64_features_give_the_same_model(classifier: Any, planted: Any) -> None:
    data = planted()
    stored = data.X.astype(np.float32)
    single = clone(classifier).fit(stored, data.y, data.groups).predict_proba(stored)
    double = clone(classifier).fit(stored.astype(np.float64), data.y, data.groups).predict_proba(stored)
    np.testing.assert_array_equal(single, double)


@each_of_ours
def test_balancing_improves_the_sensitivity_of_the_smaller_class(classifier: Any, planted: Any) -> None:
    data = planted((30, 4), cells=10, signal=0.8, patient_sd=0.0)
    unseen = planted((30, 30), cells=10, signal=0.8, patient_sd=0.0, seed=9)
    sensitivity = {
        balance: recall_score(
            unseen.y,
            clone(classifier).set_params(balance=balance).fit(data.X, data.y, data.groups).predict(unseen.X),
        )
        for balance in ("none", "cells", "patients")
    }
    assert sensitivity["cells"] > sensitivity["none"] + 0.15
    assert sensitivity["patients"] > sensitivity["none"] + 0.15


@each_of_ours
def test_unknown_balance_raises(classifier: Any, planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match="balance='rows' is not known; it is one of patients, cells, none"):
        clone(classifier).set_params(balance="rows").fit(data.X, data.y)


@pytest.mark.parametrize("change", [-1, 1])
def test_groups_of_another_length_raise(change: int, planted: Any) -> None:
    data = planted()
    groups = np.resize(data.groups, len(data.y) + change)
    with pytest.raises(ValueError, match=f"one patient for each of the {len(data.y)} cells"):
        NaiveBayes().fit(data.X, data.y, groups=groups)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_group_raises(missing: object, planted: Any) -> None:
    data = planted()
    groups = data.groups.astype(object)
    groups[3] = missing
    with pytest.raises(ValueError, match=r"groups has no value for 1 of \d+ cells, the first of them cell 3"):
        NaiveBayes().fit(data.X, data.y, groups=groups)


def test_a_single_class_raises(planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match="only one class, HEM,"):
        NaiveBayes().fit(data.X, np.full(len(data.y), "HEM"), data.groups)


def test_infinity_raises(planted: Any) -> None:
    data = planted()
    data.X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        NaiveBayes().fit(data.X, data.y, data.groups)


class Corner:
    """A trial that draws the lowest (0) or highest (-1) value of every range."""

    def __init__(self, end: int) -> None:
        self.end = end

    def suggest_int(self, name: str, low: int, high: int, log: bool = False) -> int:
        return (low, high)[self.end]

    def suggest_float(self, name: str, low: float, high: float, log: bool = False) -> float:
        return (low, high)[self.end]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[self.end]


@each_of_ours
def test_the_search_space_is_valid(classifier: Any, planted: Any) -> None:
    """Fit both ends of every range and three random points."""
    data = planted((4, 4), cells=5)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [classifier.search_space(trial) for trial in (Corner(0), Corner(-1), *(study.ask() for _ in range(3)))]
    for params in drawn:
        probabilities = clone(classifier).set_params(**params).fit(data.X, data.y, data.groups).predict_proba(data.X)
        assert np.isfinite(probabilities).all()
    assert set(drawn[0]) <= set(inspect.signature(type(classifier)).parameters)
    assert all(len({d[name] for d in drawn}) > 1 for name in drawn[0])
