"""Smallest difference that a test can detect with a stated power."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.stats import nct, norm
from scipy.stats import t as student

POWER = 0.8
"""Power for which the smallest detectable difference is stated."""

_MAX_SHIFT = 1e5


def detectable_difference(error: float, df: float, *, level: float, power: float = POWER) -> float:
    """Compute the true difference that a two-sided t-test detects with a stated power.

    It is shift x error, where the shift is the noncentrality at which |T| exceeds the critical value of Student's t
    with this power: P(T(df, shift) > t(1 - level / 2, df)) = power; the other tail is neglected. With normal fold
    differences that have the correlation of Nadeau and Bengio (2003), the corrected t statistic has this distribution.

    Parameters
    ----------
    error : float
        Standard error of the difference, for folds that of the corrected t-test.
    df : float
        Degrees of freedom, at least 1; infinity for a normal test.
    level : float
        Level of the test. The smallest of m p-values is tested at .05 / m by Holm's method.
    power : float
        In (0.5, 1).

    Returns
    -------
    float
        In the unit of the error; NaN where the error is not finite.
    """
    if not math.isfinite(error):
        return math.nan
    if math.isinf(df):
        return float(norm.ppf(1 - level / 2) + norm.ppf(power)) * error
    critical = float(student.ppf(1 - level / 2, df))
    # The shift exceeds the critical value by a factor that is bounded by the spread of the estimated error.
    upper = critical
    while nct.sf(critical, df, upper) < power:
        upper *= 2
        if not upper < _MAX_SHIFT:
            return math.nan
    shift = brentq(lambda nc: float(nct.sf(critical, df, nc)) - power, 0.0, upper, xtol=1e-9)
    return float(shift) * error
