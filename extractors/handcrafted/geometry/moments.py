"""Moments of the pixels of a region from its runs."""

from __future__ import annotations

import numpy as np

from extractors.handcrafted.geometry.runs import Runs


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
