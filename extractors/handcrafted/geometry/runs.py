"""Run-length representation of a mask."""

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
