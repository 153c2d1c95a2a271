"""k nearest neighbours in standardised features, their votes weighted."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, standardised
from classifiers.weighting import row_weights

METRICS = ("euclidean", "manhattan", "cosine")
WEIGHTS = ("distance", "uniform")


class Knn(FeatureClassifier):
    """k nearest neighbours.

    Gaps are filled with the median and features standardised. scikit-learn's own classifier cannot weigh training
    cells; here a neighbour's vote is multiplied by its weight, so that the classes are balanced as in the other
    classifiers. With `balance="none"` it is scikit-learn's.

    Parameters
    ----------
    n_neighbors : int
        Neighbours that vote, 1 or more; all training cells where there are fewer.
    weights : {"distance", "uniform"}
        A vote counts 1 / distance (at distance 0, only the neighbours at distance 0 vote), or 1.
    metric : {"euclidean", "manhattan", "cosine"}
        Distance.
    balance : {"patients", "cells", "none"}
        Which weights the cells get, see `classifiers.weighting.row_weights`.

    Attributes
    ----------
    n_neighbors_ : int
        Neighbours that vote.
    """

    def __init__(
        self, *, n_neighbors: int = 15, weights: str = "distance", metric: str = "euclidean", balance: str = "patients"
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.metric = metric
        self.balance = balance

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Number of neighbours, their weights and the metric."""
        return {
            "n_neighbors": trial.suggest_int("n_neighbors", 1, 200, log=True),
            "weights": trial.suggest_categorical("weights", WEIGHTS),
            "metric": trial.suggest_categorical("metric", METRICS),
        }

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors={self.n_neighbors!r}; it is 1 or more")
        for name, value, known in (("metric", self.metric, METRICS), ("weights", self.weights, WEIGHTS)):
            if value not in known:
                raise ValueError(f"{name}={value!r}; it is one of {', '.join(known)}")
        self.n_neighbors_ = min(int(self.n_neighbors), len(X))
        self.preparation_ = standardised().fit(X)
        self._cells = self.preparation_.transform(X)
        self.neighbours_ = NearestNeighbors(
            n_neighbors=self.n_neighbors_, metric=self.metric, algorithm="brute", n_jobs=1
        ).fit(self._cells)
        self._votes = np.eye(len(self.classes_))[codes] * row_weights(codes, units, self.balance)[:, None]

    def _probabilities(self, X: Floats) -> Floats:
        Z = self.preparation_.transform(X)
        distances, rows = self.neighbours_.kneighbors(Z)
        self._zero_where_equal(distances, Z, rows)
        votes = np.einsum("ij,ijk->ik", self._nearness(distances), self._votes[rows])
        return np.asarray(votes / votes.sum(axis=1, keepdims=True), dtype=np.float64)

    def _zero_where_equal(self, distances: Floats, Z: Floats, rows: Codes) -> None:
        # |a|^2 - 2 a.b + |b|^2 leaves a rounding error between equal cells, which 1 / distance would blow up.
        size = 1.0 + np.linalg.norm(Z, axis=1, keepdims=True)
        queried, place = np.nonzero(distances <= 1e-6 * size)
        equal = np.all(Z[queried] == self._cells[rows[queried, place]], axis=1)
        distances[queried[equal], place[equal]] = 0.0

    def _nearness(self, distances: Floats) -> Floats:
        if self.weights == "uniform":
            return np.ones_like(distances)
        same = distances == 0
        near = np.divide(1.0, distances, out=np.zeros_like(distances), where=~same)
        return np.where(same.any(axis=1, keepdims=True), same.astype(np.float64), near)
