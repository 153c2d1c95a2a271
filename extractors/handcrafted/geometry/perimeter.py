"""Crofton perimeter of a region."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.runs import Runs


def crofton_perimeter(runs: Runs) -> float:
    """Compute the perimeter by the Cauchy-Crofton formula from the unequal neighbours in four directions.

    pi/4 ((H + V)/2 + (D1 + D2)/(2 sqrt 2)), where H, V, D1, D2 count unequal pairs along rows, columns and both
    diagonals. Within 0.5 % of the truth on ellipses; 2.68 for a single pixel.

    Parameters
    ----------
    runs : Runs
        At least one.

    Returns
    -------
    float
        In pixels.
    """
    area = int((runs.stop - runs.start).sum())
    below, beside = _neighbours(runs.row, runs.start, runs.stop)
    # Each pixel is in two pairs per direction, and a pair inside the region is counted twice.
    straight = 2 * len(runs.row) + 2 * (area - below)
    diagonal = 2 * (2 * area - beside)
    return float(np.pi / 4 * (straight / 2 + diagonal / (2 * np.sqrt(2))))


@compiled
def _neighbours(row: Int64Array, start: Int64Array, stop: Int64Array) -> tuple[int, int]:
    """Number of vertically and of diagonally adjacent pairs of pixels."""
    below, beside = 0, 0
    first = 0
    for i in range(len(row)):
        while first < len(row) and row[first] <= row[i]:
            first += 1
        j = first
        while j < len(row) and row[j] == row[i] + 1:
            below += max(0, min(stop[i], stop[j]) - max(start[i], start[j]))
            beside += max(0, min(stop[i], stop[j] + 1) - max(start[i], start[j] + 1))
            beside += max(0, min(stop[i], stop[j] - 1) - max(start[i], start[j] - 1))
            j += 1
    return below, beside
