"""Probabilities mended by a map that is learned on patients which the classifier has not seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning

from classifiers.platt import Sigmoid, fit_sigmoid

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

CALIBRATIONS = ("none", "sigmoid", "temperature")

HELD = 9.0
"""Log-odds beyond which a step counts a thousandth, so that a forest's 0 and 1 do not rule the fit."""

TINY = 1e-12
"""Smallest probability whose logarithm is taken, as in scikit-learn's calibration."""

MOST_LOG_TEMPERATURE = 5.0
"""Temperatures lie between exp(-5) and exp(5) = 148, where nothing is left of the scores."""

Calibrator = Callable[[Floats], Floats]
"""Probabilities (n, n_classes) -> probabilities (n, n_classes), float64, rows that sum to 1."""


@dataclass(frozen=True)
class Sigmoids:
    """One sigmoid of the log-odds for two classes; one a class against the rest, normalised, for more."""

    sigmoids: tuple[Sigmoid, ...]
    positive: int

    def __call__(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities, of the same shape."""
        if len(self.sigmoids) == 1:
            p = self.sigmoids[0](log_odds(probabilities, self.positive))
            return np.stack([p, 1 - p] if self.positive == 0 else [1 - p, p], axis=1)
        each = np.stack([s(log_odds(probabilities, c)) for c, s in enumerate(self.sigmoids)], axis=1)
        return np.asarray(each / each.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Temperature:
    """p ** (1 / temperature), normalised: flatter above 1, steeper below."""

    temperature: float

    def __call__(self, probabilities: Floats) -> Floats:
        """Calibrated probabilities, of the same shape."""
        return np.asarray(softmax(np.log(np.maximum(probabilities, TINY)) / self.temperature, axis=1))


def fit_calibrator(kind: str, probabilities: Floats, labels: Codes, weights: Floats, *, positive: int) -> Calibrator:
    """Learn the map from probabilities of patients that the classifier was not fitted on.

    Neither map turns the order of two classes round, so the AUROC within a fold stays as it is. The number of
    patients, not of cells, says how much there is to learn from; that is why there is no isotonic regression.

    Parameters
    ----------
    kind : {"none", "sigmoid", "temperature"}
        `sigmoid`: Platt's, on the log-odds, for more than two classes one class against the rest, then normalised.
        `temperature`: one number by which the log-probabilities are divided.
    probabilities : ndarray of float64, shape (n, n_classes)
        Rows sum to 1.
    labels : ndarray of int, shape (n,)
        Class codes; every class is present.
    weights : ndarray of float64, shape (n,)
        1 / (cells of the split unit), so that each patient counts once.
    positive : int
        Code of the positive class of two.

    Returns
    -------
    Calibrator
        Probabilities that are all alike become the class shares of the patients (sigmoid; by Platt's targets a
        little nearer to each other) or stay alike (temperature).

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; Guo et al. (2017), On calibration of modern neural
    networks.
    """
    if kind == "none":
        return _unchanged
    if kind == "temperature":
        return _fit_temperature(probabilities, labels, weights)
    classes = [positive] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    with warnings.catch_warnings():
        # Of scores that hardly vary, Newton's steps end in rounding errors; scikit-learn then goes on with lbfgs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = tuple(fit_sigmoid(log_odds(probabilities, c), labels == c, weights) for c in classes)
    return Sigmoids(fitted, positive)


def log_odds(probabilities: Floats, label: int) -> Floats:
    """Log-odds of one class against the rest, rising with its probability everywhere and within about +-9.02.

    Up to 9 (p = 0.99988) they are log(p / (1 - p)); beyond, they rise a thousandth as fast.
    """
    rest = np.delete(probabilities, label, axis=1).sum(axis=1)
    raw = np.log(np.maximum(probabilities[:, label], TINY)) - np.log(np.maximum(rest, TINY))
    held = np.clip(raw, -HELD, HELD)
    return np.asarray(held + (raw - held) / 1000)


def _fit_temperature(probabilities: Floats, labels: Codes, weights: Floats) -> Temperature:
    logits = np.log(np.maximum(probabilities, TINY))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return -float(weights @ log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels])

    bounds = (-MOST_LOG_TEMPERATURE, MOST_LOG_TEMPERATURE)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    return Temperature(float(np.exp(found.x)))


def _unchanged(probabilities: Floats) -> Floats:
    return probabilities
