"""Bounds and p-values of scores at the end of their range and of equal differences, which have no variance."""

from __future__ import annotations


def lower_bound_at_one(units: int, *, level: float = 0.95) -> float:
    """Compute the lower confidence bound of a mean in [0, 1] whose independent units all reach 1; NaN without units.

    For n independent units with means m1, ..., mn, P(all are 1) is at most m1 ... mn, and this at most the n-th power
    of their mean (inequality of the arithmetic and geometric mean). A mean below (1 - level)^(1/n) therefore has all
    units at 1 with a probability below 1 - level. This is the bound of Clopper and Pearson (1934) for n of n successes,
    valid for every distribution on [0, 1]. The upper bound of n units at 0 is one minus it.

    Parameters
    ----------
    units : int
        Independent units, such as patients, or disjoint pairs of patients for an AUROC.
    level : float
        Confidence level, in (0, 1).
    """
    return float((1 - level) ** (1 / units)) if units > 0 else float("nan")


def equal_signs_p(n: int) -> float:
    """Return the two-sided p-value of the sign test of n differences that all have the same sign, 2^(1 - n)."""
    return float(2.0 ** (1 - n))
