"""t-tests of two pipelines on the same folds, corrected for overlapping training sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from bench.statistics.arrays import Floats
from bench.statistics.boundary import equal_signs_p

_ROUNDING = 1e-12


@dataclass(frozen=True)
class CorrectedT:
    """Test of the mean paired fold difference against 0.

    Parameters
    ----------
    mean : float
        Mean difference.
    error : float
        Corrected standard error of the mean.
    t, p : float
        Statistic and two-sided p-value. Where all n differences are equal there is no variance: infinity and the
        p-value of the sign test, 2^(1 - n), or NaN and 1 if they are 0.
    low, high : float
        Interval of the mean difference; NaN where all differences are equal.
    df : int
        Degrees of freedom: differences - 1.
    """

    mean: float
    error: float
    t: float
    p: float
    low: float
    high: float
    df: int


@dataclass(frozen=True)
class Posterior:
    """Probability of the mean difference being below, inside and above a region of practical equivalence."""

    below: float
    inside: float
    above: float


def corrected_t(differences: npt.ArrayLike, *, ratio: float, level: float = 0.95) -> CorrectedT:
    """Compute the corrected resampled t-test of Nadeau and Bengio (2003, Machine Learning 52:239).

    The variance of the mean of n differences is (1/n + ratio) times their variance, in place of 1/n.

    Parameters
    ----------
    differences : array-like of float, shape (n_folds,)
        Score of the first minus that of the second pipeline, for each fold of each repeat.
    ratio : float
        Test patients divided by training patients of a fold; 1/(k - 1) for k folds. 0 gives the naive paired t-test,
        whose type I error is far above its level.
    level : float
        Confidence level, in (0, 1).

    Raises
    ------
    ValueError
        Fewer than two differences, a difference that is not finite, or a negative ratio.
    """
    d, scale = _checked(differences, ratio)
    mean, error, df = float(d.mean()), scale, len(d) - 1
    if error == 0:
        mean = float(d[0])
        same = mean == 0
        t, p = (float("nan"), 1.0) if same else (float(np.copysign(np.inf, mean)), equal_signs_p(len(d)))
        return CorrectedT(mean, 0.0, t, p, float("nan"), float("nan"), df)
    t = mean / error
    half = float(student.ppf((1 + level) / 2, df)) * error
    return CorrectedT(mean, error, t, float(2 * student.sf(abs(t), df)), mean - half, mean + half, df)


def correlated_posterior(differences: npt.ArrayLike, *, ratio: float, rope: float = 0.01) -> Posterior:
    """Compute the Bayesian correlated t-test with a region of practical equivalence.

    Corani and Benavoli (2015, Machine Learning 100:285); Benavoli et al. (2017, JMLR 18:77). The posterior of the mean
    difference is Student's t with n - 1 degrees of freedom around the mean, with the corrected standard error: with
    their correlation rho = ratio / (1 + ratio), 1/n + rho/(1 - rho) equals the correction of Nadeau and Bengio.

    Parameters
    ----------
    differences, ratio
        As for `corrected_t`.
    rope : float
        Half width of the region of practical equivalence around 0, in the unit of the differences.

    Raises
    ------
    ValueError
        As `corrected_t`, or a negative rope.
    """
    if rope < 0:
        raise ValueError(f"rope={rope}: the half width of the region of practical equivalence must be 0 or more")
    d, scale = _checked(differences, ratio)
    return posterior(float(d.mean()), scale, rope, partial(student.cdf, df=len(d) - 1))


def posterior(mean: float, error: float, rope: float, cdf: Callable[..., Any]) -> Posterior:
    """Divide a distribution at the ends of a region of practical equivalence.

    Parameters
    ----------
    mean, error : float
        Location and scale of the distribution; with an error of 0 or NaN all shares are NaN.
    rope : float
        Half width of the region around 0.
    cdf : callable
        Distribution function of scipy.stats, with `loc` and `scale`.
    """
    if error == 0:
        return Posterior(float("nan"), float("nan"), float("nan"))
    below, up_to = cdf([-rope, rope], loc=mean, scale=error)
    return Posterior(float(below), float(up_to - below), float(1 - up_to))


def _checked(differences: npt.ArrayLike, ratio: float) -> tuple[Floats, float]:
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or len(d) < 2:
        raise ValueError(f"differences has the shape {d.shape}; expected one number for each of at least two folds")
    if not np.isfinite(d).all():
        raise ValueError("a difference is not finite")
    if ratio < 0:
        raise ValueError(f"ratio={ratio}: test patients over training patients cannot be negative")
    if np.ptp(d) <= _ROUNDING:  # avoid testing rounding errors
        same = float(d[0]) if abs(d[0]) > _ROUNDING else 0.0
        return np.full(len(d), same), 0.0
    return d, float(np.sqrt((1 / len(d) + ratio) * d.var(ddof=1)))
