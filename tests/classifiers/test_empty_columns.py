"""Columns without a training value are dropped, in inner fits too."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from classifiers.empty_columns import DropEmptyColumns
from classifiers.feature_classifier import standardised
from classifiers.rf_svm import RfSvm
from classifiers.sklearn_adapter import SklearnAdapter
from classifiers.svm import Svm

NAN = np.nan


def test_a_column_with_a_single_value_is_kept() -> None:
    train = np.array([[NAN, 1.0, NAN], [2.0, NAN, NAN]])
    drop = DropEmptyColumns().fit(train)
    assert drop.columns_.tolist() == [0, 1]
    np.testing.assert_array_equal(drop.transform(np.array([[7.0, NAN, 9.0]])), [[7.0, NAN]])


def test_complete_columns_are_passed_on_as_they_are() -> None:
    train = np.ones((2, 3))
    assert DropEmptyColumns().fit(train).transform(train) is train


def test_values_of_a_dropped_column_do_not_reach_the_classifier() -> None:
    preparation = standardised().fit(np.array([[1.0, NAN], [3.0, NAN]]))
    # Mean 2 and standard deviation 1 of the first column; the second has a value in a test cell only.
    np.testing.assert_array_equal(preparation.transform(np.array([[4.0, 500.0], [NAN, 500.0]])), [[2.0], [0.0]])


def test_inner_fits_of_the_calibration_drop_their_own_empty_columns(planted: Any) -> None:
    data = planted((4, 4))
    own = data.groups == data.groups[0]
    extra = np.where(own, 1e9, NAN)
    # In training the column is constant. The fold of this patient has no value of it, and then large ones to predict.
    with_extra = Svm().fit(np.column_stack([data.X, extra]), data.y, data.groups)
    without = Svm().fit(data.X, data.y, data.groups)
    expected = without.predict_proba(data.X)
    np.testing.assert_allclose(with_extra.predict_proba(np.column_stack([data.X, extra])), expected, rtol=1e-9)


def test_importances_belong_to_the_columns_of_the_input(planted: Any) -> None:
    data = planted(informative=2)
    shifted = np.column_stack([np.full(len(data.y), NAN), data.X])
    forest = RandomForestClassifier(n_estimators=10, random_state=0)
    plain = SklearnAdapter(forest).fit(data.X, data.y, data.groups)
    with_empty = SklearnAdapter(forest).fit(shifted, data.y, data.groups)
    np.testing.assert_array_equal(with_empty.feature_importances_, [0.0, *plain.feature_importances_])
    selected = RfSvm(n_estimators=10, random_state=0, min_features=1, max_features=2)
    assert selected.fit(shifted, data.y, data.groups).selected_.tolist() == [1, 2], "the informative ones"
