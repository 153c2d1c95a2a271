"""Hamming distances of perceptual hashes over all pairs of cells, computed in blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.datasets.scanning.orientations import ORIENTATIONS
from bench.statistics.arrays import Values

UInt64 = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.intp]

N_SAMPLED = 2000
"""Number of random cells whose pairs calibrate the threshold."""

RATE = 1e-3
"""Target share of candidates among pairs of different patients."""

PER_CELL = 40
"""Target number of candidates per cell among other patients, where `RATE` gives fewer."""

MIN_THRESHOLD, MAX_THRESHOLD = 16, 96
"""Bounds of the threshold; distances of unrelated hashes are around 128."""

_ROWS, _COLUMNS = 256, 1024


@dataclass(frozen=True)
class Candidates:
    """Pairs of cells with similar hashes.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_pairs,)
        Positions of the cells, `first` before `second`.
    orientation : ndarray of int, shape (n_pairs,)
        Index in `ORIENTATIONS` of the orientation of `first` with the smallest distance to `second`.
    distance : ndarray of uint16, shape (n_pairs,)
        Hamming distance in that orientation, 0..256.
    """

    first: Indices
    second: Indices
    orientation: npt.NDArray[np.uint8]
    distance: npt.NDArray[np.uint16]


def threshold(hashes: UInt64, units: Values, *, seed: int = 0) -> int:
    """Compute the largest distance of candidates, calibrated on pairs of different patients.

    A low quantile of the distances between at most `N_SAMPLED` cells: the share of accepted pairs is `RATE`, or
    `PER_CELL` per cell where that is more. A quantile and not the minimum, because copies between patients may exist:
    they are few and hardly change it. Pairs of one patient are excluded: they are similar without being copies.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 8, 4)
        Hash of each cell in each orientation.
    units : ndarray of str, shape (n,)
        Split unit of each cell. With only one unit, all pairs count.

    Returns
    -------
    int
        In `MIN_THRESHOLD`..`MAX_THRESHOLD`.
    """
    n = len(hashes)
    chosen = np.sort(np.random.default_rng(seed).permutation(n)[:N_SAMPLED])
    _, unit_of = np.unique(units[chosen], return_inverse=True)
    other = unit_of[:, None] != unit_of if unit_of.max(initial=0) > 0 else ~np.eye(len(chosen), dtype=np.bool_)
    counts = np.zeros(257, dtype=np.int64)
    for rows in blocks(len(chosen)):
        distance, _ = _nearest(hashes[chosen[rows]], hashes[chosen])
        counts += np.bincount(distance[other[rows]], minlength=257)
    if counts.sum() == 0:
        return MIN_THRESHOLD
    share = min(0.5, max(RATE, PER_CELL / n))
    below = np.searchsorted(np.cumsum(counts), share * counts.sum(), "right") - 1
    return int(np.clip(below, MIN_THRESHOLD, MAX_THRESHOLD))


def candidates(hashes: UInt64, rows: slice, at_most: int) -> Candidates:
    """Find pairs of a block of cells with later cells, within a distance in some orientation.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 8, 4)
        Hashes of all cells.
    rows : slice
        Block of cells, from `blocks`, which limits the memory.
    at_most : int
        Maximum distance.
    """
    parts = []
    for left in range(rows.start, len(hashes), _COLUMNS):
        distance, orientation = _nearest(hashes[rows], hashes[left : left + _COLUMNS])
        first, second = np.nonzero(distance <= at_most)
        later = rows.start + first < left + second
        first, second = first[later], second[later]
        parts.append((rows.start + first, left + second, orientation[first, second], distance[first, second]))
    return Candidates(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def blocks(n: int) -> list[slice]:
    """Slices of n cells to process one at a time."""
    return [slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS)]


def _nearest(one: UInt64, two: UInt64) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """Smallest distance over orientations of each cell of `one` to each cell of `two`, and the orientation of `one`."""
    least = np.full((len(one), len(two)), 257, dtype=np.uint16)
    best = np.zeros(least.shape, dtype=np.uint8)
    # Contiguous words, so that each comparison runs along one row.
    words = np.ascontiguousarray(two[:, 0].T)
    for place in range(len(ORIENTATIONS)):
        distance = np.zeros(least.shape, dtype=np.uint16)
        for word, others in enumerate(words):
            distance += np.bitwise_count(one[:, place, word, None] ^ others)
        nearer = distance < least
        np.copyto(best, np.uint8(place), where=nearer)
        np.minimum(least, distance, out=least)
    return least, best
