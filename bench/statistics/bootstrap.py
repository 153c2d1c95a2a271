"""The patient bootstrap."""

from __future__ import annotations

import numpy as np

from bench.statistics.arrays import Codes, Floats


def patient_draws(class_of_unit: Codes, draws: int, seed: int) -> Floats:
    """Draw split units with replacement: counts of each unit in each bootstrap replicate.

    Parameters
    ----------
    class_of_unit : ndarray of int, shape (n_units,)
        Units are drawn within their class, so that every replicate has as many patients of each class. All zeros for
        an unstratified bootstrap, such as where units have cells of several classes.
    draws : int
        Number of replicates.

    Returns
    -------
    ndarray of float64, shape (draws, n_units)
        Integer counts; the columns of each class sum to its number of units.
    """
    rng = np.random.default_rng(seed)
    weights = np.zeros((draws, len(class_of_unit)))
    for label in np.unique(class_of_unit):
        members = np.flatnonzero(class_of_unit == label)
        weights[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    return weights


def percentile_interval(draws: Floats, level: float = 0.95) -> tuple[float, float]:
    """Compute the percentile interval without replicates in which the metric is undefined (NaN).

    NaN, NaN where it is undefined in every replicate.
    """
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
