"""Selection by a random forest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.metrics import log_loss

from classifiers.forest_selection import ForestSelection
from classifiers.rf_svm import RfSvm
from classifiers.weighting import row_weights
from extractors.random_state import random_seed


def selection(**params: Any) -> ForestSelection:
    leaf = params.pop("min_samples_leaf", 2)
    forest = RandomForestClassifier(n_estimators=20, min_samples_leaf=leaf, random_state=3)
    return ForestSelection(forest, **{"threshold": "median", "min_features": 1, "max_features": None, **params})


def test_informative_features_are_selected(planted: Any) -> None:
    data = planted(features=60, informative=4)
    fitted = RfSvm(max_features=6, random_state=0).fit(data.X, data.y, data.groups)
    assert {0, 1, 2, 3} <= set(fitted.selected_)
    assert len(fitted.selected_) == 6
    assert fitted.machine_.machine.support.shape[1] == 6


@pytest.mark.parametrize("threshold", ["median", "mean", 0.05])
@pytest.mark.parametrize("max_features", [None, 4])
def test_selection_equals_scikit_learn(threshold: Any, max_features: int | None, planted: Any) -> None:
    data = planted(features=21, signal=1.0)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, len(data.y))
    forest = RandomForestClassifier(n_estimators=20, min_samples_leaf=2, random_state=3)
    theirs = SelectFromModel(forest, threshold=threshold, max_features=max_features)
    theirs.fit(data.X, data.y, sample_weight=weights)
    ours = selection(threshold=threshold, max_features=max_features).fit(data.X, data.y, weights)
    np.testing.assert_array_equal(ours.selected_, np.flatnonzero(theirs.get_support()))


def test_the_forest_weights_cells_by_patient(planted: Any) -> None:
    data = planted((3, 9), features=30, signal=0.5)
    keep = np.flatnonzero((data.groups != data.groups[0]) | (np.arange(len(data.y)) == 0))
    X, y, groups = data.X[keep], data.y[keep], data.groups[keep]
    fitted = RfSvm(max_features=8, n_estimators=20, random_state=5).fit(X, y, groups)
    same = {"n_estimators": 20, "min_samples_leaf": 5, "random_state": random_seed(5)}
    forest = RandomForestClassifier(**same).fit(X, y, sample_weight=row_weights(y, groups, "patients"))
    assert set(fitted.selected_) == set(np.argsort(-forest.feature_importances_)[:8])
    unweighted = RandomForestClassifier(**same).fit(X, y)
    assert set(fitted.selected_) != set(np.argsort(-unweighted.feature_importances_)[:8])


def test_max_features_takes_precedence_over_min_features(planted: Any) -> None:
    data = planted(features=20)
    weights = np.ones(len(data.y))
    most_important = np.argsort(-selection().fit(data.X, data.y, weights).importances_)
    least = selection(threshold=0.99, min_features=5).fit(data.X, data.y, weights)
    assert set(least.selected_) == set(most_important[:5])
    capped = selection(threshold=0.99, min_features=5, max_features=2).fit(data.X, data.y, weights)
    assert set(capped.selected_) == set(most_important[:2])


def test_min_features_are_selected_from_constant_features() -> None:
    X = np.ones((8, 5))
    selected = selection(threshold="mean", min_features=3).fit(X, np.arange(8) % 2, np.ones(8)).selected_
    np.testing.assert_array_equal(selected, np.arange(3))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"threshold": "best"}, "threshold='best'"),
        ({"max_features": 0}, "max_features=0"),
        ({"min_features": 0}, "min_features=0"),
    ],
)
def test_invalid_parameters_raise(params: dict[str, Any], message: str, planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=message):
        RfSvm(n_estimators=5, **params).fit(data.X, data.y)


def test_selection_does_not_leak_into_the_calibration(planted: Any) -> None:
    # 400 features without signal: a selection that used the calibration patients would make them appear separable.
    data, unseen = (planted((15, 15), cells=2, features=400, signal=0.0, seed=s) for s in (0, 1))
    fitted = RfSvm(max_features=10, n_estimators=50, random_state=0).fit(data.X, data.y, data.groups)
    assert log_loss(unseen.y, fitted.predict_proba(unseen.X)) < np.log(2) + 0.15


def test_unused_features_are_not_selected_even_if_the_median_is_zero() -> None:
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(30, 800)), np.arange(30) % 2
    fitted = selection(min_samples_leaf=5).fit(X, codes, np.ones(30))
    assert np.median(fitted.importances_) == 0
    assert set(fitted.selected_) == set(np.flatnonzero(fitted.importances_))
    assert len(fitted.selected_) < 400


def test_importances_are_those_of_the_forest_for_selected_features(planted: Any) -> None:
    data = planted(features=30, signal=1.0)
    fitted = RfSvm(max_features=8, n_estimators=20, random_state=5).fit(data.X, data.y, data.groups)
    weights = row_weights(data.y, data.groups, "patients")
    forest = RandomForestClassifier(n_estimators=20, min_samples_leaf=5, random_state=random_seed(5))
    known = forest.fit(data.X, data.y, sample_weight=weights).feature_importances_
    dropped = np.setdiff1d(np.arange(30), fitted.selected_)
    np.testing.assert_array_equal(fitted.feature_importances_[dropped], 0)
    np.testing.assert_allclose(
        fitted.feature_importances_[fitted.selected_], known[fitted.selected_] / known[fitted.selected_].sum()
    )
    assert known[dropped].sum() > 0, "a dropped feature was used by the forest"
