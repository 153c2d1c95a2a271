"""Moments of the pixels of a region, from its runs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.handcrafted.framework.numba_kernels import compiled
from extractors.handcrafted.geometry.runs import Runs

_ORDERS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


def moments_of(runs: Runs) -> dict[str, float]:
    """Moments up to the third order, under OpenCV's names.

    Parameters
    ----------
    runs : Runs
        Of a mask that is not empty.

    Returns
    -------
    dict of str to float
        `m00`, the number of pixels; `m10` and `m01`, the sums of x and y; `mu20` to `mu03`, the sums of
        (x - mean)^p (y - mean)^q; `nu20` to `nu03`, those over m00^(1 + (p + q) / 2).
    """
    area, x, y, *central = _sums(runs.row, runs.start, runs.stop).tolist()
    found = {"m00": area, "m10": x, "m01": y}
    for (p, q), value in zip(_ORDERS, central, strict=True):
        found[f"mu{p}{q}"] = value
        found[f"nu{p}{q}"] = value / area ** (1 + (p + q) / 2)
    return found


@compiled
def _sums(
    row: npt.NDArray[np.int64], start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    found = np.zeros(10)
    for i in range(len(row)):
        n = stop[i] - start[i]
        found[0] += n
        found[1] += n * (start[i] + stop[i] - 1) / 2
        found[2] += n * row[i]
    for i in range(len(row)):
        n = stop[i] - start[i]
        x = (start[i] + stop[i] - 1) / 2 - found[1] / found[0]
        y = row[i] - found[2] / found[0]
        # Along a run of n pixels about x: the variance is (n^2 - 1) / 12, and there is no skewness.
        spread = (n * n - 1) / 12
        found[3] += n * (x * x + spread)
        found[4] += n * x * y
        found[5] += n * y * y
        found[6] += n * (x * x + 3 * spread) * x
        found[7] += n * (x * x + spread) * y
        found[8] += n * x * y * y
        found[9] += n * y * y * y
    return found
