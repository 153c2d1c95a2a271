"""Moments of the pixels of a region from its runs."""

from __future__ import annotations

import numpy as np

from extractors.arrays import Float64Array, Int64Array
from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.runs import Runs

_ORDERS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


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
    area, x, y, *central = _sums(runs.row, runs.start, runs.stop).tolist()
    moments = {"m00": area, "m10": x, "m01": y}
    for (p, q), value in zip(_ORDERS, central, strict=True):
        moments[f"mu{p}{q}"] = value
        moments[f"nu{p}{q}"] = value / area ** (1 + (p + q) / 2)
    return moments


@compiled
def _sums(row: Int64Array, start: Int64Array, stop: Int64Array) -> Float64Array:
    sums = np.zeros(10)
    for i in range(len(row)):
        n = stop[i] - start[i]
        sums[0] += n
        sums[1] += n * (start[i] + stop[i] - 1) / 2
        sums[2] += n * row[i]
    for i in range(len(row)):
        n = stop[i] - start[i]
        x = (start[i] + stop[i] - 1) / 2 - sums[1] / sums[0]
        y = row[i] - sums[2] / sums[0]
        # A run of n pixels about x has variance (n^2 - 1) / 12 and no skewness.
        spread = (n * n - 1) / 12
        sums[3] += n * (x * x + spread)
        sums[4] += n * x * y
        sums[5] += n * y * y
        sums[6] += n * (x * x + 3 * spread) * x
        sums[7] += n * (x * x + spread) * y
        sums[8] += n * x * y * y
        sums[9] += n * y * y * y
    return sums
