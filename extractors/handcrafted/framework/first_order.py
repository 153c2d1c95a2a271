"""First-order statistics: moments, percentiles and entropy."""

from __future__ import annotations

import math

import numpy as np

from extractors.arrays import Float32Array, Int64Array, UInt16Array
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


Moments = tuple[float, float, float, float]


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
    positions = _SHARES * (len(values) - 1)
    lower = positions.astype(np.int64)
    low, high, mean = float(values.min()), float(values.max()), float(values.mean(dtype=np.float64))
    moments, ranks, candidates = _first_order(values, low, high, mean, lower)
    candidates.sort()
    below, above = candidates[ranks].astype(np.float64)
    p10, p25, p50, p75, p90 = ((below + (positions - lower) * (above - below)) / unit).tolist()
    m2, m3, m4, entropy = moments
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


@compiled
def _first_order(
    values: Float32Array, low: float, high: float, mean: float, lower: Int64Array
) -> tuple[Moments, Int64Array, Float32Array]:
    """Second to fourth central moment and entropy, and the ranks and values from which percentiles are computed."""
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
    ranks, candidates = _candidates(values, bins, counts, lower)
    return (m2 / n, m3 / n, m4 / n, _entropy(counts, n)), ranks, candidates


@compiled
def _candidates(
    values: Float32Array, bins: UInt16Array, counts: Int64Array, lower: Int64Array
) -> tuple[Int64Array, Float32Array]:
    """Values in the histogram bins that contain a requested rank, and the ranks among these values once sorted."""
    selected = np.zeros(_FINE_BINS, dtype=np.bool_)
    ranks = np.empty((2, len(lower)), dtype=np.int64)
    for step in range(2):
        for k in range(len(lower)):
            rank = min(lower[k] + step, len(values) - 1)
            ranks[step, k] = rank
            selected[_bin_of_rank(counts, rank)] = True
    for step in range(2):
        for k in range(len(lower)):
            rank = ranks[step, k]
            for index in range(_bin_of_rank(counts, rank)):
                ranks[step, k] -= 0 if selected[index] else counts[index]
    size = 0
    for index in range(_FINE_BINS):
        size += counts[index] if selected[index] else 0
    candidates = np.empty(size, dtype=np.float32)
    position = 0
    for i in range(len(values)):
        if selected[bins[i]]:
            candidates[position] = values[i]
            position += 1
    return ranks, candidates


@compiled
def _bin_of_rank(counts: Int64Array, rank: int) -> int:
    """The histogram bin that contains a rank."""
    index = 0
    below = counts[0]
    while below <= rank:
        index += 1
        below += counts[index]
    return index


@compiled
def _entropy(counts: Int64Array, total: int) -> float:
    entropy = 0.0
    width = _FINE_BINS // BINS
    for first in range(0, _FINE_BINS, width):
        count = 0
        for index in range(first, first + width):
            count += counts[index]
        if count > 0:
            entropy -= count / total * np.log2(count / total)
    return entropy
