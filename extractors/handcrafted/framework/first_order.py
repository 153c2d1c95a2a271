"""First-order statistics: moments, percentiles and entropy."""

from __future__ import annotations

import math

import numpy as np

from extractors.arrays import Float32Array, Float64Array, Int64Array, UInt16Array
from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import FLAT
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import FeatureValues, Status

MOMENTS = "population moments; IBSI"
LINEAR = "linear between order statistics; IBSI, NumPy"

STATISTICS = (
    Feature("mean", "sum v / n", source=MOMENTS),
    Feature("sd", "sqrt(m2), mk = mean of (v - mean)^k", range="[0, inf)", source=MOMENTS),
    Feature("skewness", "m3 / m2^1.5", range="(-inf, inf)", source=MOMENTS),
    Feature("kurtosis", "m4 / m2^2 - 3, 0 for a normal distribution", range="[-2, inf)", source=MOMENTS),
    Feature("p10", "10th percentile", source=LINEAR),
    Feature("p50", "median", source=LINEAR),
    Feature("p90", "90th percentile", source=LINEAR),
    Feature("iqr", "75th less 25th percentile", range="[0, inf)", source=LINEAR),
    Feature("entropy", "-sum p log2 p of 32 equal bins between the extremes", "bit", "(0, 5]", "Shannon; IBSI"),
)
"""A feature without unit or range has those of the values."""

SCALED = ("mean", "sd", "p10", "p50", "p90", "iqr")
"""Statistics in the unit of the values."""

BINS = 32

_SHARES = np.array([0.10, 0.25, 0.50, 0.75, 0.90])
_FINE_BINS = 512
"""Bins of the histogram that locates the percentiles; a multiple of `BINS`."""


def first_order(values: Float32Array, unit: float = 1.0) -> FeatureValues:
    """Compute all of `STATISTICS`.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        At least one value; all finite.
    unit : float
        The statistics are computed for `values / unit`.

    Returns
    -------
    FeatureValues
        By the names of `STATISTICS`; skewness, kurtosis and entropy are `FLAT` if all values are equal up to rounding.
    """
    low, high, mean = float(values.min()), float(values.max()), float(values.mean(dtype=np.float64))
    (m2, m3, m4), bins, counts = _moments(values, low, high, mean)
    p10, p25, p50, p75, p90 = (_percentiles(values, bins, counts) / unit).tolist()
    shares = counts.reshape(BINS, -1).sum(axis=1) / len(values)
    entropy = -sum(share * math.log2(share) for share in shares[shares > 0].tolist())
    flat = (high - low) / unit <= FLAT
    return {
        "mean": mean / unit,
        "sd": math.sqrt(m2) / unit,
        "skewness": Status.FLAT if flat else m3 / m2**1.5,
        "kurtosis": Status.FLAT if flat else m4 / m2**2 - 3,
        "p10": p10,
        "p50": p50,
        "p90": p90,
        "iqr": p75 - p25,
        "entropy": Status.FLAT if flat else entropy,
    }


def _percentiles(values: Float32Array, bins: UInt16Array, counts: Int64Array) -> Float64Array:
    """Percentiles at `_SHARES`; only the values in histogram bins that contain a required rank are sorted."""
    positions = _SHARES * (len(values) - 1)
    lower = positions.astype(np.int64)
    ranks = np.stack([lower, np.minimum(lower + 1, len(values) - 1)])
    bin_of_rank = np.searchsorted(np.cumsum(counts), ranks, side="right")
    selected = np.zeros(_FINE_BINS, dtype=np.bool_)
    selected[bin_of_rank] = True
    omitted = np.cumsum(np.where(selected, 0, counts))
    below, above = np.sort(values[selected[bins]])[ranks - omitted[bin_of_rank]].astype(np.float64)
    return np.asarray(below + (positions - lower) * (above - below))


@compiled
def _moments(
    values: Float32Array, low: float, high: float, mean: float
) -> tuple[tuple[float, float, float], UInt16Array, Int64Array]:
    """Second to fourth central moment, and the histogram bin of each value and the number of values in each bin."""
    n = len(values)
    spread = high - low if high > low else 1.0
    bins = np.empty(n, dtype=np.uint16)
    # A separate loop lets the compiler vectorise the division.
    for i in range(n):
        bins[i] = min(np.int32(_FINE_BINS * (np.float64(values[i]) - low) / spread), np.int32(_FINE_BINS - 1))
    m2 = m3 = m4 = 0.0
    counts = np.zeros(_FINE_BINS, dtype=np.int64)
    for i in range(n):
        centred = np.float64(values[i]) - mean
        square = centred * centred
        m2 += square
        m3 += square * centred
        m4 += square * square
        counts[bins[i]] += 1
    return (m2 / n, m3 / n, m4 / n), bins, counts
