"""Crofton perimeter of a region."""

from __future__ import annotations

import numpy as np

from extractors.arrays import BoolArray


def crofton_perimeter(mask: BoolArray) -> float:
    """Compute the perimeter by the Cauchy-Crofton formula from the unequal neighbours in four directions.

    pi/4 ((H + V)/2 + (D1 + D2)/(2 sqrt 2)), where H, V, D1, D2 count unequal pairs along rows, columns and both
    diagonals. Within 0.5 % of the truth on ellipses; 2.68 for a single pixel.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        False along its four sides.

    Returns
    -------
    float
        In pixels.
    """
    straight = np.count_nonzero(mask[:, 1:] != mask[:, :-1]) + np.count_nonzero(mask[1:] != mask[:-1])
    falling, rising = mask[1:, 1:] != mask[:-1, :-1], mask[1:, :-1] != mask[:-1, 1:]
    diagonal = np.count_nonzero(falling) + np.count_nonzero(rising)
    return float(np.pi / 4 * (straight / 2 + diagonal / (2 * np.sqrt(2))))
