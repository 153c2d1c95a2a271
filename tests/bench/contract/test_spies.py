"""Patched splitters of scikit-learn log each split once, return the same splits and are restored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.neural_network import MLPClassifier

from bench.contract.call_log import CallLog
from bench.contract.spies import watched_splitters
from bench.splits.folds import InnerPatientKFold

X = np.random.default_rng(0).normal(size=(48, 3))
Y = np.tile([0, 1], 24)
UNITS = np.repeat([f"p{i}" for i in range(16)], 3)
LABEL_OF_UNIT = np.repeat(np.tile(["a", "b"], 8), 3)

SPLITTERS = [
    model_selection.KFold(3),
    model_selection.StratifiedKFold(3),
    model_selection.GroupKFold(3),
    model_selection.StratifiedGroupKFold(3),
    model_selection.RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    model_selection.RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    model_selection.ShuffleSplit(4, random_state=0),
    model_selection.StratifiedShuffleSplit(4, random_state=0),
    model_selection.GroupShuffleSplit(4, random_state=0),
    model_selection.LeaveOneOut(),
    model_selection.LeavePOut(2),
    model_selection.LeaveOneGroupOut(),
    model_selection.LeavePGroupsOut(2),
    model_selection.TimeSeriesSplit(3),
    model_selection.PredefinedSplit(np.arange(48) % 3),
]


@pytest.mark.parametrize("splitter", SPLITTERS, ids=lambda s: type(s).__name__)
def test_a_splitter_is_logged_once_and_returns_the_same_splits(splitter: Any) -> None:
    groups = UNITS if "Group" in type(splitter).__name__ else None
    log = CallLog()
    with watched_splitters(log):
        watched = list(splitter.split(X, Y, groups))
    plain = list(splitter.split(X, Y, groups))
    (call,) = log.splits
    assert (call.splitter, call.n_rows) == (type(splitter).__name__, 48)
    assert (call.groups is None) == (groups is None)
    assert len(call.pairs) == len(plain) == len(watched)
    for one, other, noted in zip(plain, watched, call.pairs, strict=True):
        for side in (0, 1):
            np.testing.assert_array_equal(one[side], other[side])
            np.testing.assert_array_equal(one[side], noted[side])


def test_only_consumed_splits_are_logged() -> None:
    log = CallLog()
    with watched_splitters(log):
        rng = np.random.RandomState(0)
        train, test = model_selection.train_test_split(np.arange(48), random_state=rng)
    (call,) = log.splits
    assert call.splitter == "ShuffleSplit"
    ((noted, aside),) = call.pairs
    np.testing.assert_array_equal(noted, train)
    np.testing.assert_array_equal(aside, test)
    same = np.random.RandomState(0)
    model_selection.train_test_split(np.arange(48), random_state=same)
    assert rng.randint(1_000_000) == same.randint(1_000_000), "watching draws no random number"


@pytest.mark.parametrize(
    ("estimator", "splitter"),
    [
        (LogisticRegressionCV(Cs=2, l1_ratios=(0.0,), use_legacy_attributes=False), "StratifiedKFold"),
        (RFECV(LogisticRegression()), "StratifiedKFold"),
        (MLPClassifier((2,), early_stopping=True, max_iter=2), "StratifiedShuffleSplit"),
        (SGDClassifier(early_stopping=True, max_iter=2), "StratifiedShuffleSplit"),
        (model_selection.GridSearchCV(LogisticRegression(), {"C": [1, 2]}), "StratifiedKFold"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_splits_inside_estimators_are_logged(estimator: Any, splitter: str) -> None:
    log = CallLog()
    with watched_splitters(log):
        estimator.fit(X, Y)
    assert [(call.splitter, call.n_rows) for call in log.splits] == [(splitter, 48)]


def test_a_split_between_two_pairs_of_another_is_logged() -> None:
    log = CallLog()
    with watched_splitters(log):
        for train, _ in model_selection.KFold(2).split(X):
            list(model_selection.KFold(3).split(X[train]))
    assert [(call.n_rows, len(call.pairs)) for call in log.splits] == [(48, 2), (24, 3), (24, 3)]


def test_splitters_are_restored() -> None:
    methods = {cls: vars(cls).get("split") for cls in map(type, SPLITTERS)}
    log = CallLog()
    with pytest.raises(ZeroDivisionError), watched_splitters(log):
        _ = 1 // 0
    assert {cls: vars(cls).get("split") for cls in map(type, SPLITTERS)} == methods
    list(model_selection.KFold(2).split(X))
    assert log.splits == []


def test_cv_is_logged_with_its_pairs_and_without_nested_splits() -> None:
    log = CallLog()
    with watched_splitters(log):
        pairs = list(InnerPatientKFold(3).split(X, LABEL_OF_UNIT, UNITS))
    (call,) = log.splits
    assert (call.is_cv, call.n_rows, len(call.pairs)) == (True, 48, 3)
    for (train, test), (plain, aside) in zip(pairs, InnerPatientKFold(3).split(X, LABEL_OF_UNIT, UNITS), strict=True):
        np.testing.assert_array_equal(train, plain)
        np.testing.assert_array_equal(test, aside)
