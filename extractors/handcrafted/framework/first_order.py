"""First-order statistics of numbers: moments, percentiles, entropy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.feature import Feature
from extractors.handcrafted.framework.masked_channel import FLAT
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.framework.status import Measured, Status

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
"""Unit and range, where none is given, are those of the values."""

SCALED = ("mean", "sd", "p10", "p50", "p90", "iqr")
"""Those that grow with the values."""

BINS = 32

_SHARES = np.array([0.10, 0.25, 0.50, 0.75, 0.90])
_CELLS = 512
"""Of the histogram that finds the percentiles; a multiple of `BINS`."""

Values = npt.NDArray[np.float32]
Moments = tuple[float, float, float, float]
Counts = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint16]


def first_order(values: Values, unit: float = 1.0) -> Measured:
    """All of `STATISTICS` of some numbers.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        At least one, all finite.
    unit : float
        The statistics are those of `values / unit`.

    Returns
    -------
    Measured
        By the names of `STATISTICS`; `FLAT` for skewness, kurtosis and entropy where all values are equal but for
        rounding.
    """
    places = _SHARES * (len(values) - 1)
    lower = places.astype(np.int64)
    low, high, mean = float(values.min()), float(values.max()), float(values.mean(dtype=np.float64))
    moments, ranks, kept = _first_order(values, low, high, mean, lower)
    kept.sort()
    below, above = kept[ranks].astype(np.float64)
    p10, p25, p50, p75, p90 = ((below + (places - lower) * (above - below)) / unit).tolist()
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
def _first_order(values: Values, low: float, high: float, mean: float, lower: Counts) -> tuple[Moments, Counts, Values]:
    """Second to fourth central moment and entropy; the values that hold the asked ranks and the next, and where."""
    n = len(values)
    spread = high - low if high > low else 1.0
    cells = np.empty(n, dtype=np.uint16)
    # A loop of its own, since several divisions are then done at once.
    for i in range(n):
        cells[i] = min(np.int32(_CELLS * (np.float64(values[i]) - low) / spread), np.int32(_CELLS - 1))
    m2 = m3 = m4 = 0.0
    counts = np.zeros(_CELLS, dtype=np.int64)
    for i in range(n):
        centred = np.float64(values[i]) - mean
        square = centred * centred
        m2 += square
        m3 += square * centred
        m4 += square * square
        counts[cells[i]] += 1
    ranks, kept = _candidates(values, cells, counts, lower)
    return (m2 / n, m3 / n, m4 / n, _entropy(counts, n)), ranks, kept


@compiled
def _candidates(values: Values, cells: Cells, counts: Counts, lower: Counts) -> tuple[Counts, Values]:
    """The values in those cells of the histogram that hold an asked rank, and the ranks among them once sorted."""
    wanted = np.zeros(_CELLS, dtype=np.bool_)
    ranks = np.empty((2, len(lower)), dtype=np.int64)
    for step in range(2):
        for k in range(len(lower)):
            rank = min(lower[k] + step, len(values) - 1)
            ranks[step, k] = rank
            wanted[_holder(counts, rank)] = True
    for step in range(2):
        for k in range(len(lower)):
            rank = ranks[step, k]
            for cell in range(_holder(counts, rank)):
                ranks[step, k] -= 0 if wanted[cell] else counts[cell]
    size = 0
    for cell in range(_CELLS):
        size += counts[cell] if wanted[cell] else 0
    kept = np.empty(size, dtype=np.float32)
    place = 0
    for i in range(len(values)):
        if wanted[cells[i]]:
            kept[place] = values[i]
            place += 1
    return ranks, kept


@compiled
def _holder(counts: Counts, rank: int) -> int:
    """The cell that holds a rank."""
    cell = 0
    below = counts[0]
    while below <= rank:
        cell += 1
        below += counts[cell]
    return cell


@compiled
def _entropy(counts: Counts, total: int) -> float:
    entropy = 0.0
    width = _CELLS // BINS
    for first in range(0, _CELLS, width):
        count = 0
        for cell in range(first, first + width):
            count += counts[cell]
        if count > 0:
            entropy -= count / total * np.log2(count / total)
    return entropy
