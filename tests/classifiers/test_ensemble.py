"""Ensembles: equal members, shared parameters, out-of-fold probabilities by patient, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression

from classifiers.ensemble import Ensemble
from classifiers.knn import Knn
from classifiers.member_inputs import MemberInputs
from classifiers.naive_bayes import NaiveBayes
from classifiers.rf_svm import RfSvm
from classifiers.svm import Svm
from classifiers.xgboost import XGBoost


class Recorder(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Records the patients and parameters of each fit in a list that clones share."""

    calls: list[dict[str, Any]] = []  # noqa: RUF012 (shared on purpose)

    def __init__(self, *, name: str = "", cv: Any = None, random_state: Any = None, threads: int = 1) -> None:
        self.name, self.cv, self.random_state, self.threads = name, cv, random_state, threads

    def fit(self, X: Any, y: Any, groups: Any = None) -> Recorder:
        self.classes_ = np.unique(y)
        self.calls.append({**self.get_params(), "fit": set(groups), "rows": len(X)})
        return self

    def predict_proba(self, X: Any) -> Any:
        self.calls.append({**self.get_params(), "predict": len(X)})
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.fixture
def calls() -> list[dict[str, Any]]:
    Recorder.calls.clear()
    return Recorder.calls


@pytest.mark.parametrize(
    "member",
    [Svm(), RfSvm(n_estimators=5), XGBoost(n_estimators=5), Knn(n_neighbors=3)],
    ids=lambda m: type(m).__name__,
)
def test_an_ensemble_of_equal_members_is_the_member(member: Any, planted: Any, spy: Any) -> None:
    data = planted(signal=0.5)
    shared = {
        name: value
        for name, value in {"random_state": 3, "cv": spy, "threads": 1}.items()
        if name in member.get_params()
    }
    alone = clone(member).set_params(**shared).fit(data.X, data.y, data.groups)
    ensemble = Ensemble(members=(member,) * 3, random_state=3, cv=spy, threads=1).fit(data.X, data.y, data.groups)
    np.testing.assert_array_equal(ensemble.predict_proba(data.X), alone.predict_proba(data.X))


def test_the_mean_is_that_of_the_members(planted: Any) -> None:
    data, unseen = planted(seed=1), planted(seed=2)
    members = (Knn(), NaiveBayes())
    single = [clone(m).fit(data.X, data.y, data.groups).predict_proba(unseen.X) for m in members]
    ensemble = Ensemble(members=members, weights=(1, 3)).fit(data.X, data.y, data.groups)
    np.testing.assert_allclose(ensemble.predict_proba(unseen.X), (single[0] + 3 * single[1]) / 4)


def test_each_member_has_its_own_input(planted: Any) -> None:
    data, unseen = planted(seed=1), planted(seed=2)
    ensemble = Ensemble(members=(Knn(), NaiveBayes()))
    ensemble.fit(MemberInputs((data.X[:, :2], data.X[:, 2:])), data.y, data.groups)
    expected = [
        Knn().fit(data.X[:, :2], data.y, data.groups).predict_proba(unseen.X[:, :2]),
        NaiveBayes().fit(data.X[:, 2:], data.y, data.groups).predict_proba(unseen.X[:, 2:]),
    ]
    combined = ensemble.predict_proba(MemberInputs((unseen.X[:, :2], unseen.X[:, 2:])))
    np.testing.assert_allclose(combined, (expected[0] + expected[1]) / 2)


def test_one_input_for_two_members_is_refused(planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=r"^1 inputs for 2 members; one for each is expected$"):
        Ensemble(members=(Knn(), NaiveBayes())).fit(MemberInputs((data.X,)), data.y, data.groups)


@pytest.mark.parametrize("rule", ["rank", "stack"])
def test_out_of_fold_fits_see_no_patient_that_they_predict(rule: str, planted: Any, spy: Any, calls: Any) -> None:
    data = planted((6, 6))
    Ensemble(members=(Recorder(), Recorder()), rule=rule, cv=spy).fit(data.X, data.y, data.groups)
    assert len(spy.groups) == 1
    np.testing.assert_array_equal(spy.groups[0], data.groups)
    fits = [call for call in calls if "fit" in call]
    assert [len(call["fit"]) for call in fits] == [8] * 6 + [12] * 2
    pairs = [pair for pair in spy.pairs for _ in range(2)]
    for (train, test), call in zip(pairs, fits[:6], strict=True):
        assert call["fit"] == set(data.groups[train])
        assert not call["fit"] & set(data.groups[test])


@pytest.mark.parametrize("rule", ["mean", "majority"])
def test_other_rules_fit_each_member_once(rule: str, planted: Any, spy: Any, calls: Any) -> None:
    data = planted()
    Ensemble(members=(Recorder(), Recorder()), rule=rule, cv=spy).fit(data.X, data.y, data.groups)
    assert (len(calls), spy.groups) == (2, [])


def test_stacking_is_a_logistic_regression_on_out_of_fold_probabilities(planted: Any, spy: Any) -> None:
    data = planted(signal=0.7)
    members = (Knn(n_neighbors=5), NaiveBayes())
    ensemble = Ensemble(members=members, rule="stack", cv=spy).fit(data.X, data.y, data.groups)
    out_of_fold = np.empty((len(data.y), 2))
    for train, test in spy.pairs:
        for column, member in enumerate(members):
            fitted = clone(member).fit(data.X[train], data.y[train], data.groups[train])
            out_of_fold[test, column] = fitted.predict_proba(data.X[test])[:, 1]
    p = np.clip(out_of_fold, 1e-6, 1 - 1e-6)
    # Equal patients and classes: all weights are 1.
    expected = LogisticRegression(tol=1e-8, max_iter=10_000).fit(np.log(p / (1 - p)), data.y)
    np.testing.assert_allclose(ensemble.combine_.model.coef_, expected.coef_, rtol=1e-5)  # type: ignore[attr-defined]


def test_inner_splits_use_the_inputs_that_belong_to_them(planted: Any, spy: Any) -> None:
    data, opened = planted(), []

    def open_split(train: Any, test: Any) -> tuple[MemberInputs, MemberInputs]:
        opened.append((train, test))
        return MemberInputs((data.X[train],) * 2), MemberInputs((data.X[test],) * 2)

    inputs = MemberInputs((data.X, data.X), open_split)
    Ensemble(members=(Knn(), NaiveBayes()), rule="rank", cv=spy).fit(inputs, data.y, data.groups)
    assert len(opened) == 3
    for (train, test), (a, b) in zip(opened, spy.pairs, strict=True):
        np.testing.assert_array_equal(train, a)
        np.testing.assert_array_equal(test, b)


def test_pairs_of_rows_reach_members_only_on_all_training_cells(planted: Any, spy: Any, calls: Any) -> None:
    data = planted()
    pairs = list(spy.split(data.X, data.y, data.groups))
    Ensemble(members=(Recorder(), Recorder()), rule="stack", cv=iter(pairs)).fit(data.X, data.y, data.groups)
    assert [call["cv"] is None for call in calls if "fit" in call] == [True] * 6 + [False] * 2


def test_shared_parameters(planted: Any, spy: Any, calls: Any) -> None:
    data, own = planted(), Recorder(random_state=8, threads=2)
    Ensemble(members=(own, own)).fit(data.X, data.y, data.groups)
    Ensemble(members=(own, own), random_state=7, threads=3, cv=spy).fit(data.X, data.y, data.groups)
    assert [(call["random_state"], call["threads"]) for call in calls] == [(8, 2)] * 2 + [(7, 3)] * 2
    assert [call["cv"] for call in calls] == [None, None, spy, spy]


def test_the_failed_member_is_named(planted: Any) -> None:
    data = planted()
    ensemble = Ensemble(members=(("knn", Knn()), ("svm[C=-1]", Svm(C=-1.0))))
    with pytest.raises(ValueError, match=r"^member svm\[C=-1\] of ensemble\[members=knn\+svm\[C=-1\]\]: "):
        ensemble.fit(data.X, data.y, data.groups)


def test_splitting_rules_need_two_patients_of_each_class(planted: Any) -> None:
    data = planted((1, 5))
    with pytest.raises(ValueError, match=r"^rule=stack splits the training patients, but a class has fewer than two"):
        Ensemble(members=(Knn(), NaiveBayes()), rule="stack").fit(data.X, data.y, data.groups)


def test_an_ensemble_consumes_what_its_members_consume() -> None:
    from classifiers.prior import Prior  # noqa: PLC0415

    assert Ensemble(members=(Knn(), NaiveBayes())).consumes == "features"
    assert Ensemble(members=(Prior(), Prior())).consumes == "cells"
    mixed = Ensemble(members=(Prior(), Knn()))
    with pytest.raises(ValueError, match=r"^some members are fitted on features and others on cells; .* EXTRACTOR:"):
        mixed.fit([object()] * 4, [0, 1, 0, 1])
