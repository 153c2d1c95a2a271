"""Run-length representation of a mask, and its moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from extractors.arrays import BoolArray, Int64Array


@dataclass(frozen=True)
class Runs:
    """Maximal runs of True pixels within rows, row by row and from left to right.

    Parameters
    ----------
    row : ndarray of int64, shape (n,)
        Row of each run.
    start, stop : ndarray of int64, shape (n,)
        First column of each run, and the column after its last one.
    """

    row: Int64Array
    start: Int64Array
    stop: Int64Array


def row_runs(mask: BoolArray) -> Runs:
    """Find the runs of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        False in its first and last column.
    """
    pixels = mask.ravel()
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    row, start = np.divmod(changes[::2], mask.shape[1])
    return Runs(row, start, changes[1::2] - row * mask.shape[1])


def moments_from_runs(runs: Runs) -> dict[str, float]:
    """Compute the moments up to the third order, with OpenCV's names.

    Parameters
    ----------
    runs : Runs
        At least one.

    Returns
    -------
    dict of str to float
        `m00`, the number of pixels; `m10` and `m01`, the sums of x and y; `mu20` to `mu03`, the sums of
        (x - mean)^p (y - mean)^q; `nu20` to `nu03`, those over m00^(1 + (p + q) / 2).
    """
    n, middle = runs.stop - runs.start, (runs.start + runs.stop - 1) / 2
    area, m10, m01 = float(n.sum()), float((n * middle).sum()), float((n * runs.row).sum())
    x, y = middle - m10 / area, runs.row - m01 / area
    # A run of n pixels about x has variance (n^2 - 1) / 12 and no skewness.
    xx, spread = x * x, (n * n - 1) / 12
    terms = {
        "20": n * (xx + spread),
        "11": n * x * y,
        "02": n * y * y,
        "30": n * (xx + 3 * spread) * x,
        "21": n * (xx + spread) * y,
        "12": n * x * y * y,
        "03": n * y * y * y,
    }
    moments = {"m00": area, "m10": m10, "m01": m01}
    for order, term in terms.items():
        moments[f"mu{order}"] = value = float(np.cumsum(term)[-1])
        moments[f"nu{order}"] = value / area ** (1 + int(order[0]) / 2 + int(order[1]) / 2)
    return moments
