"""Nearest neighbours compared with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classifiers.knn import Knn


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_without_balance_it_equals_scikit_learn(weights: str, metric: str, planted: Any) -> None:
    data, unseen = planted((4, 6, 5)), planted((4, 6, 5), seed=1)
    # Its default for few features is a tree, which computes exact distances.
    theirs = make_pipeline(StandardScaler(), KNeighborsClassifier(7, weights=weights, metric=metric))
    ours = Knn(n_neighbors=7, weights=weights, metric=metric, balance="none").fit(data.X, data.y, data.groups)
    for X in (unseen.X, data.X):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.fit(data.X, data.y).predict_proba(X), atol=1e-12)


def test_votes_are_weighted() -> None:
    # Patients a and b share class 0, c has class 1. With all cells voting, each class has half of the votes.
    X = np.arange(6.0)[:, None]
    y, groups = [0, 0, 0, 0, 1, 1], ["a", "a", "a", "b", "c", "c"]
    all_cells = Knn(n_neighbors=6, weights="uniform").fit(X, y, groups)
    np.testing.assert_allclose(all_cells.predict_proba([[2.2]]), [[0.5, 0.5]])
    # The three nearest to 4.2 are 3 (b, weight 1.5), 4 and 5 (c, weight 1.5 each).
    nearest = Knn(n_neighbors=3, weights="uniform").fit(X, y, groups)
    np.testing.assert_allclose(nearest.predict_proba([[4.2]]), [[1 / 3, 2 / 3]])
    # The three nearest to 2.2 are 1, 2 (a, weight 0.5 each) and 3 (b, weight 1.5): class 0 alone.
    np.testing.assert_allclose(nearest.predict_proba([[2.2]]), [[1.0, 0.0]])


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_identical_training_cells_vote_alone_and_equally(metric: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, 40))
    X[1] = X[2] = X[0]
    y = np.arange(60) % 2
    fitted = Knn(n_neighbors=5, metric=metric, balance="none").fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X[:1]), [[2 / 3, 1 / 3]], rtol=1e-12)
    np.testing.assert_array_equal(fitted.predict(X), np.where(np.arange(60) == 1, 0, y))


def test_n_neighbors_is_limited_to_the_training_cells(planted: Any) -> None:
    data = planted((2, 3))
    fitted = Knn(n_neighbors=1000, weights="uniform", balance="none").fit(data.X, data.y)
    assert fitted.n_neighbors_ == len(data.y)
    np.testing.assert_allclose(fitted.predict_proba(data.X[:2]), [[0.4, 0.6]] * 2)


@pytest.mark.parametrize("params", [{"n_neighbors": 0}, {"metric": "l3"}, {"weights": "rank"}])
def test_invalid_parameters_raise(params: dict[str, Any], planted: Any) -> None:
    data = planted()
    with pytest.raises(ValueError, match=next(iter(params))):
        Knn(**params).fit(data.X, data.y)
