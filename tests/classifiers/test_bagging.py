"""Bagging: what the bags contain, seeds, and patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from classifiers.bagging import Bagging
from classifiers.knn import Knn
from classifiers.naive_bayes import NaiveBayes
from classifiers.svm import Svm
from extractors.epoch_scores import EndFit, OnEpoch


class CellCounter(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of cells: predicts the class shares of its training cells, and keeps what it was given."""

    consumes = "cells"

    def __init__(self, *, random_state: Any = None, threads: int = 1) -> None:
        self.random_state, self.threads = random_state, threads

    def fit(self, X: Any, y: Any, groups: Any = None) -> CellCounter:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_, self.cells_, self.groups_ = counts / len(y), list(X), list(groups)
        return self

    def predict_proba(self, X: Any) -> Any:
        return np.tile(self.shares_, (len(X), 1))


def _multiplicities(rows: Any, groups: Any) -> dict[str, set[int]]:
    times = np.bincount(rows, minlength=len(groups))
    return {g: set(times[groups == g].tolist()) for g in np.unique(groups)}


def test_bags_are_draws_of_whole_patients_with_replacement(planted: Any) -> None:
    data = planted((8, 8), cells=3)
    bagging = Bagging(of=NaiveBayes(), n=20, random_state=0).fit(data.X, data.y, data.groups)
    drawn = []
    for rows in bagging.bags_:
        times = _multiplicities(rows, data.groups)
        assert all(len(values) == 1 for values in times.values())  # every cell of a patient equally often
        drawn.append([next(iter(values)) for values in times.values()])
        assert sum(drawn[-1]) == 16
        assert set(data.y[rows]) == {0, 1}
    # The share of patients in a bag is 1 - (1 - 1/16)^16 = 0.644; the standard error of 20 bags is about 0.017.
    assert np.mean(np.array(drawn) > 0) == pytest.approx(0.644, abs=0.05)
    assert len({tuple(times) for times in drawn}) == 20


def test_balanced_bags_have_the_smallest_class_and_as_many_of_the_others(planted: Any) -> None:
    data = planted((3, 9, 6), cells=4)
    bagging = Bagging(of=NaiveBayes(), n=5, balance=True, random_state=1).fit(data.X, data.y, data.groups)
    for rows in bagging.bags_:
        assert np.bincount(data.y[rows]).tolist() == [12, 12, 12]
        assert len(np.unique(rows)) == 36
        np.testing.assert_array_equal(rows[data.y[rows] == 0], np.flatnonzero(data.y == 0))
    assert len({tuple(rows) for rows in bagging.bags_}) == 5


def test_disjoint_parts_of_the_majority_as_in_liu_2019(planted: Any) -> None:
    data = planted((4, 9), cells=5)
    bagging = Bagging(of=NaiveBayes(), n=2, balance=True, disjoint=True, random_state=2)
    bagging.fit(data.X, data.y, data.groups)
    majority = [rows[data.y[rows] == 1] for rows in bagging.bags_]
    assert sorted(map(len, majority)) == [22, 23]
    np.testing.assert_array_equal(np.sort(np.concatenate(majority)), np.flatnonzero(data.y == 1))
    for rows in bagging.bags_:
        np.testing.assert_array_equal(rows[data.y[rows] == 0], np.flatnonzero(data.y == 0))


def test_the_probability_is_the_mean_of_clones_on_the_bags(planted: Any) -> None:
    data, unseen = planted(seed=1), planted(seed=2)
    bagging = Bagging(of=Knn(n_neighbors=3), n=3, random_state=0).fit(data.X, data.y, data.groups)
    single = [
        clone(Knn(n_neighbors=3)).fit(data.X[r], data.y[r], data.groups[r]).predict_proba(unseen.X)
        for r in bagging.bags_
    ]
    np.testing.assert_allclose(bagging.predict_proba(unseen.X), np.mean(single, axis=0))


def test_clones_have_seeds_of_their_own_that_follow_from_the_seed() -> None:
    cells, y, groups = list(range(16)), np.arange(16) % 2, np.array([f"p{i}" for i in range(16)])
    seeds = [
        [m.random_state for m in Bagging(of=CellCounter(), n=4, random_state=s).fit(cells, y, groups).members_]
        for s in (0, 0, 1)
    ]
    assert seeds[0] == seeds[1] != seeds[2]
    assert len(set(seeds[0])) == 4


def test_bagging_of_a_classifier_of_cells() -> None:
    cells, y = [f"cell{i}" for i in range(20)], np.array([0] * 6 + [1] * 14)
    groups = np.array([f"p{i // 2}" for i in range(20)])
    bagging = Bagging(of=CellCounter(), n=2, balance=True, random_state=0, threads=3).fit(cells, y, groups)
    assert bagging.consumes == "cells"
    for member, rows in zip(bagging.members_, bagging.bags_, strict=True):
        assert member.cells_ == [cells[row] for row in rows]
        assert member.groups_ == groups[rows].tolist()
        assert member.threads == 3
    np.testing.assert_array_equal(bagging.predict_proba(cells[:3]), np.full((3, 2), 0.5))


def test_every_bag_has_two_patients_of_each_class(planted: Any, spy: Any) -> None:
    data = planted((2, 12), cells=3)
    spy.n_splits = 2
    bagging = Bagging(of=Svm(), n=10, random_state=3, cv=spy).fit(data.X, data.y, data.groups)
    for rows in bagging.bags_:
        assert len(np.unique(data.groups[rows][data.y[rows] == 0])) == 2
    assert len(spy.groups) == 10  # each clone splits its own bag
    for groups, rows in zip(spy.groups, bagging.bags_, strict=True):
        np.testing.assert_array_equal(groups, data.groups[rows])


def test_the_search_space_is_that_of_the_classifier() -> None:
    from bench.contract.parameters import drawn_parameters  # noqa: PLC0415

    (drawn,) = drawn_parameters(Bagging(of=Knn()), 1)
    assert set(drawn) == {"of__n_neighbors", "of__weights", "of__metric"}
    assert Bagging(of=Knn()).set_params(**drawn).of.n_neighbors == drawn["of__n_neighbors"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"of": None}, r"bagging needs a classifier: write bagging\[of=svm\]"),
        ({"n": 0}, "n=0 is not valid; it is a whole number of at least 1"),
        ({"disjoint": True}, "disjoint=true divides the cells of the larger classes; add balance=true"),
        ({"balance": True, "disjoint": True, "n": 30}, "the larger classes cannot be divided into n=30 parts with two"),
    ],
)
def test_wrong_parameters_are_sentences(parameters: dict[str, Any], message: str, planted: Any) -> None:
    data = planted(cells=3)
    with pytest.raises(ValueError, match=f"^{message}"):
        Bagging(**{"of": Knn(), **parameters}).fit(data.X, data.y, data.groups)


def test_the_failed_bag_is_named(planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=r"^bag 0 of bagging\[of=Svm\]: "):
        Bagging(of=Svm(C=-1.0), n=2).fit(data.X, data.y, data.groups)


class Epochs(CellCounter):
    """Calls `on_epoch` with the number of its training cells in two epochs."""

    def __init__(self, *, random_state: Any = None, threads: int = 1, on_epoch: OnEpoch | None = None) -> None:
        super().__init__(random_state=random_state, threads=threads)
        self.on_epoch = on_epoch

    def fit(self, X: Any, y: Any, groups: Any = None) -> Epochs:
        for epoch in range(2):
            if self.on_epoch is not None:
                self.on_epoch(epoch, float(len(X)))
        super().fit(X, y, groups)
        return self


def test_the_epochs_of_the_first_bag_are_reported_and_may_end_the_fit() -> None:
    rows, calls = np.arange(40), []
    y, patients = rows % 2, rows // 4 * 2 + rows % 2

    def on_epoch(epoch: int, score: float) -> None:
        calls.append((epoch, score))

    bagging = Bagging(of=Epochs(), n=3, random_state=0, on_epoch=on_epoch)
    bagging.fit(rows.tolist(), y, patients)
    size = float(len(bagging.bags_[0]))
    assert calls == [(0, size), (1, size)]
    assert len(bagging.members_) == 3

    class Enough(EndFit):
        pass

    def ends(epoch: int, score: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        Bagging(of=Bagging(of=Epochs(), n=2), n=2, random_state=0, on_epoch=ends).fit(rows.tolist(), y, patients)
    # A classifier without epochs ignores it.
    assert len(Bagging(of=CellCounter(), n=2, on_epoch=ends).fit(rows.tolist(), y, patients).members_) == 2
