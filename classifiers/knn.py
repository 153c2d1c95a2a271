"""k nearest neighbours on standardised features, with weighted votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from classifiers.feature_classifier import Codes, FeatureClassifier, Floats, Units, standardised
from classifiers.weighting import row_weights

METRICS = ("euclidean", "manhattan", "cosine")
WEIGHTS = ("distance", "uniform")


@dataclass(eq=False, repr=False, kw_only=True)
class Knn(FeatureClassifier):
    """k nearest neighbours.

    Features are imputed by the median and standardised. scikit-learn's classifier does not support sample weights; here
    the vote of a neighbour is multiplied by its weight, so that the classes are balanced as in the other classifiers.
    With `balance="none"` the probabilities equal scikit-learn's.

    Parameters
    ----------
    n_neighbors : int
        Number of neighbours, at least 1; all training cells if there are fewer.
    weights : {"distance", "uniform"}
        Weight of a vote: 1 / distance (if any distance is 0, only the neighbours at distance 0 vote), or 1.
    metric : {"euclidean", "manhattan", "cosine"}
        Distance metric.
    balance : {"patients", "cells", "none"}
        Weighting of cells; see `classifiers.weighting.row_weights`.

    Attributes
    ----------
    n_neighbors_ : int
        Number of neighbours used.
    """

    n_neighbors: int = 15
    weights: str = "distance"
    metric: str = "euclidean"
    balance: str = "patients"

    def search_space(self, trial: Any) -> dict[str, Any]:
        """Number of neighbours, their weights and the metric."""
        return {
            "n_neighbors": trial.suggest_int("n_neighbors", 1, 200, log=True),
            "weights": trial.suggest_categorical("weights", WEIGHTS),
            "metric": trial.suggest_categorical("metric", METRICS),
        }

    def _train(self, X: Floats, codes: Codes, units: Units) -> None:
        if self.n_neighbors < 1:
            raise ValueError(f"n_neighbors={self.n_neighbors!r} is not valid; it is at least 1")
        for name, value, known in (("metric", self.metric, METRICS), ("weights", self.weights, WEIGHTS)):
            if value not in known:
                raise ValueError(f"{name}={value!r} is not known; it is one of {', '.join(known)}")
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
        votes = np.einsum("ij,ijk->ik", self._neighbour_weights(distances), self._votes[rows])
        return np.asarray(votes / votes.sum(axis=1, keepdims=True), dtype=np.float64)

    def _zero_where_equal(self, distances: Floats, Z: Floats, rows: Codes) -> None:
        # |a|^2 - 2 a.b + |b|^2 has a rounding error for equal cells, which 1 / distance would amplify.
        scale = 1.0 + np.linalg.norm(Z, axis=1, keepdims=True)
        queries, columns = np.nonzero(distances <= 1e-6 * scale)
        equal = np.all(Z[queries] == self._cells[rows[queries, columns]], axis=1)
        distances[queries[equal], columns[equal]] = 0.0

    def _neighbour_weights(self, distances: Floats) -> Floats:
        if self.weights == "uniform":
            return np.ones_like(distances)
        same = distances == 0
        inverse = np.divide(1.0, distances, out=np.zeros_like(distances), where=~same)
        return np.where(same.any(axis=1, keepdims=True), same.astype(np.float64), inverse)
