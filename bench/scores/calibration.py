"""Probability calibration on out-of-fold predictions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.exceptions import ConvergenceWarning

from bench.statistics.arrays import Codes, Floats
from classifiers.platt import Sigmoid, fit_sigmoid

CALIBRATIONS = ("none", "sigmoid", "temperature")

COMPRESSED_FROM = 9.0
"""Log-odds beyond which the slope is a thousandth, so that the 0 and 1 of a forest do not dominate the fit."""

TINY = 1e-12
"""Smallest probability whose logarithm is taken, as in scikit-learn's calibration."""

MAX_LOG_TEMPERATURE = 5.0
"""Temperatures are between exp(-5) and exp(5) = 148, where scores are practically constant."""

Calibrator = Callable[[Floats], Floats]
"""Probabilities (n, n_classes) -> probabilities (n, n_classes), float64, rows that sum to 1."""


@dataclass(frozen=True)
class Sigmoids:
    """One sigmoid of the log-odds for two classes; for more, one per class against the rest, normalised."""

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
    """Fit a calibrator on probabilities of patients that the classifier was not fitted on.

    Both methods are monotonic for two classes, so the AUROC within a fold does not change. Isotonic regression is not
    offered: the effective sample size is the number of patients, not of cells.

    Parameters
    ----------
    kind : {"none", "sigmoid", "temperature"}
        `sigmoid`: Platt scaling of the log-odds; with more than two classes one against the rest, then normalised.
        `temperature`: divide the log-probabilities by one number.
    probabilities : ndarray of float64, shape (n, n_classes)
        Rows sum to 1.
    labels : ndarray of int, shape (n,)
        Class codes; every class occurs.
    weights : ndarray of float64, shape (n,)
        1 / (cells of the split unit), so that every patient has the same weight.
    positive : int
        Code of the positive class of two.

    Returns
    -------
    Calibrator
        Constant probabilities become the class shares of the patients (sigmoid; slightly shrunk by Platt's targets)
        or stay constant (temperature).

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines; Guo et al. (2017), On calibration of modern neural
    networks.
    """
    if kind == "none":
        return _identity
    if kind == "temperature":
        return _fit_temperature(probabilities, labels, weights)
    classes = [positive] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    with warnings.catch_warnings():
        # Newton's method fails on scores that hardly vary; scikit-learn then falls back to lbfgs.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = tuple(fit_sigmoid(log_odds(probabilities, c), labels == c, weights) for c in classes)
    return Sigmoids(fitted, positive)


def log_odds(probabilities: Floats, label: int) -> Floats:
    """Compute the log-odds of one class against the rest; strictly increasing and within about +-9.02.

    Up to 9 (p = 0.99988) they are log(p / (1 - p)); beyond, the slope is a thousandth of that.
    """
    rest = np.delete(probabilities, label, axis=1).sum(axis=1)
    raw = np.log(np.maximum(probabilities[:, label], TINY)) - np.log(np.maximum(rest, TINY))
    clipped = np.clip(raw, -COMPRESSED_FROM, COMPRESSED_FROM)
    return np.asarray(clipped + (raw - clipped) / 1000)


def _fit_temperature(probabilities: Floats, labels: Codes, weights: Floats) -> Temperature:
    logits = np.log(np.maximum(probabilities, TINY))
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return -float(weights @ log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels])

    bounds = (-MAX_LOG_TEMPERATURE, MAX_LOG_TEMPERATURE)
    optimum = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    return Temperature(float(np.exp(optimum.x)))


def _identity(probabilities: Floats) -> Floats:
    return probabilities
