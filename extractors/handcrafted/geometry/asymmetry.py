"""Asymmetry of a region under point reflection about its centroid."""

from __future__ import annotations

import numpy as np

from extractors.arrays import BoolArray, Float64Array


def asymmetry(mask: BoolArray, centroid: Float64Array) -> float:
    """Compute the share of the pixels whose reflection about the centroid is outside the region.

    Reflections fall between pixels; membership is interpolated linearly, which is exact under quarter turns and flips.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        At least one pixel is True.
    centroid : ndarray of float64, shape (2,)
        (x, y).

    Returns
    -------
    float
        In [0, 1]; 1 if no reflection is inside, as for a thin crescent.
    """
    (x, y), (right, down) = np.divmod(2 * centroid, 1)
    partners = 0.0
    for column, row, weight in (
        (x, y, (1 - right) * (1 - down)),
        (x + 1, y, right * (1 - down)),
        (x, y + 1, (1 - right) * down),
        (x + 1, y + 1, right * down),
    ):
        partners += weight * _partners(mask, int(row), int(column))
    return float(1 - partners / np.count_nonzero(mask))


def _partners(mask: BoolArray, *sums: int) -> int:
    """Number of pixels p of the region for which `sums` - p, in rows and columns, is in the region."""
    window = mask[
        tuple(slice(max(0, total - side + 1), total + 1) for total, side in zip(sums, mask.shape, strict=True))
    ]
    return int(np.count_nonzero(window & window[::-1, ::-1]))
