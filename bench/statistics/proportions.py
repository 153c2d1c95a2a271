"""Intervals of a share of patients."""

from __future__ import annotations


def wilson(hits: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of `hits` of `n` patients; NaN, NaN without patients."""
    return _interval(hits, n, level, "wilson")


def clopper_pearson(hits: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The exact, conservative interval of Clopper and Pearson (1934); NaN, NaN without patients."""
    return _interval(hits, n, level, "beta")


def _interval(hits: float, n: int, level: float, method: str) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint  # noqa: PLC0415 (takes a second to import)

    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no share")
    if n == 0:
        return float("nan"), float("nan")
    low, high = proportion_confint(hits, n, alpha=1 - level, method=method)
    return float(low), float(high)
