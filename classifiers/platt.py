"""Platt scaling: calibration of decision values by a sigmoid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from classifiers.feature_classifier import Floats

MIN_SLOPE = 1e-3
"""Smallest slope, per standard deviation of the decision values, so that calibration never inverts the ranking."""


@dataclass(frozen=True)
class Sigmoid:
    """p = 1 / (1 + exp(-(slope * d + intercept))) of a decision value d."""

    slope: float
    intercept: float

    def __call__(self, decisions: Floats) -> Floats:
        """Compute probabilities in [0, 1], of the shape of `decisions`."""
        return np.asarray(expit(self.slope * decisions + self.intercept), dtype=np.float64)


def fit_sigmoid(decisions: Floats, positive: npt.NDArray[np.bool_], weights: Floats) -> Sigmoid:
    """Fit the sigmoid of maximum likelihood with Platt's targets, (N+ + 1) / (N+ + 2) and 1 / (N- + 2).

    Parameters
    ----------
    decisions : ndarray of float64, shape (n,)
        Decision values, preferably out-of-fold.
    positive : ndarray of bool, shape (n,)
        Members of the class; both values occur.
    weights : ndarray of float64, shape (n,)
        Weight of each value, above 0; N+ and N- are sums of them.

    Returns
    -------
    Sigmoid
        For constant decision values, all probabilities are the mean target. If larger values are not associated with
        the class (as in data without signal), the slope is `MIN_SLOPE` per standard deviation, so that all
        probabilities are close to the mean target but keep the order of the decision values.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines, section 2.2.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 (0.1 s that a run without calibration saves)

    n_positive, n_negative = weights[positive].sum(), weights[~positive].sum()
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    base = float(logit(np.average(target, weights=weights)))
    centre = float(np.average(decisions, weights=weights))
    spread = float(np.sqrt(np.average((decisions - centre) ** 2, weights=weights)))
    if spread <= np.finfo(np.float64).eps * max(1.0, abs(centre)):
        return Sigmoid(0.0, base)
    scaled = ((decisions - centre) / spread)[:, None]
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(
        np.concatenate([scaled, scaled]),
        np.repeat([1, 0], len(scaled)),
        sample_weight=np.concatenate([weights * target, weights * (1 - target)]),
    )
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < MIN_SLOPE:
        slope, intercept = MIN_SLOPE, base
    return Sigmoid(slope / spread, intercept - slope * centre / spread)
