"""Confidence intervals of proportions."""

from __future__ import annotations


def wilson(hits: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Compute Wilson's score interval (1927) of `hits` of `n` patients; NaN, NaN without patients."""
    from statsmodels.stats.proportion import proportion_confint  # noqa: PLC0415 (takes a second to import)

    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is not a proportion")
    if n == 0:
        return float("nan"), float("nan")
    low, high = proportion_confint(hits, n, alpha=1 - level, method="wilson")
    return float(low), float(high)
