"""The exact interval of Clopper and Pearson."""

from __future__ import annotations

from statsmodels.stats.proportion import proportion_confint


def clopper_pearson(hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Compute the conservative interval of Clopper and Pearson (1934) of `hits` of `n` patients."""
    low, high = proportion_confint(hits, n, alpha=1 - level, method="beta")
    return float(low), float(high)
