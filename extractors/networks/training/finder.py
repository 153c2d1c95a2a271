"""Learning-rate finder of fastai 1: the loss over exponentially increasing rates, and a suggested rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from extractors.arrays import Float64Array

SMOOTHING = 0.98
"""Decay rate of the mean of the losses."""

DIVERGENCE = 4.0
"""Ratio of the smoothed loss to its minimum at which the search ends."""

SKIPPED = (10, 5)
"""Points at the start and at the end of the curve that the suggestion ignores."""


@dataclass(frozen=True, eq=False)
class RateCurve:
    """Losses by learning rate.

    Parameters
    ----------
    rates : ndarray of float64, shape (n,)
        Learning rates, increasing.
    losses : ndarray of float64, shape (n,)
        Loss of the batch of each rate.
    smoothed : ndarray of float64, shape (n,)
        Exponential mean of the losses with bias correction: sum of b^(i-j) (1 - b) loss_j over j <= i, divided by
        1 - b^(i+1), with b = 0.98.
    """

    rates: Float64Array
    losses: Float64Array
    smoothed: Float64Array

    def suggestion(self) -> float:
        """Return the rate at which the smoothed loss falls steepest.

        Steepest by `numpy.gradient` over the index, the first 10 and the last 5 points left out: the suggestion of
        fastai 1's `Recorder.plot`.

        Raises
        ------
        ValueError
            The curve has fewer than 17 points because the loss diverged early, or it falls nowhere.
        """
        start, end = SKIPPED
        smoothed, rates = self.smoothed[start:-end], self.rates[start:-end]
        if len(smoothed) < 2:
            raise ValueError(
                f"the learning-rate finder needs 17 rates for a suggestion and has {len(self.rates)}, because the loss "
                "diverged; set learning_rate to a number"
            )
        slopes = np.gradient(smoothed)
        if not slopes.min() < 0:
            raise ValueError("the learning-rate finder: the loss falls at no rate; set learning_rate to a number")
        return float(rates[np.argmin(slopes)])


def find_rate(
    loss_at: Callable[[float], float], *, low: float = 1e-7, high: float = 10.0, iterations: int = 100
) -> RateCurve:
    """Measure the loss over increasing learning rates.

    Rate k of n is low (high / low)^(k / n), k < n. The search ends after the rate at which the smoothed loss exceeds 4
    times its minimum or is not a number. Source: `LRFinder` and `SmoothenValue` of fastai 1.0.

    Parameters
    ----------
    loss_at : callable
        Takes one training step with the given learning rate and returns the loss of its batch, measured before the
        weights change. The caller restores the weights afterwards, and draws batches from the training part only.
    low, high : float
        First rate, and the limit that the rates approach.
    iterations : int
        Largest number of rates, at least 1.

    Returns
    -------
    RateCurve
        The last point may be infinite or not a number.
    """
    rates, losses, smoothed = [], [], []
    mean, best = 0.0, np.inf
    for index in range(iterations):
        rate = low * (high / low) ** (index / iterations)
        loss = float(loss_at(rate))
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        corrected = mean / (1 - SMOOTHING ** (index + 1))
        rates.append(rate)
        losses.append(loss)
        smoothed.append(corrected)
        best = min(best, corrected)
        if not corrected <= DIVERGENCE * best:
            break
    return RateCurve(*(np.asarray(values, dtype=np.float64) for values in (rates, losses, smoothed)))
