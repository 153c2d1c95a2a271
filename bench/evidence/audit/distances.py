"""Hamming distances of perceptual hashes over all pairs of cells, block by block, and which of them are small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.datasets.scanning.orientations import ORIENTATIONS

UInt64 = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.intp]

SAMPLE = 2000
"""Cells, drawn at random, on whose pairs the threshold is calibrated."""

RATE = 1e-3
"""Share of the pairs of different patients that may become candidates."""

EACH = 40
"""Candidates that each cell may have among other patients, where `RATE` would give fewer."""

LEAST, MOST = 16, 96
"""The threshold lies between these distances, whatever the data; unrelated hashes lie around 128."""

_ROWS, _COLUMNS = 256, 1024


@dataclass(frozen=True)
class Candidates:
    """Pairs of cells whose hashes are near each other.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_pairs,)
        Positions of the cells, `first` before `second`.
    orientation : ndarray of int, shape (n_pairs,)
        Place in `ORIENTATIONS` of the one that brings `first` nearest to `second`.
    distance : ndarray of uint16, shape (n_pairs,)
        Hamming distance in that orientation, 0..256.
    """

    first: Indices
    second: Indices
    orientation: npt.NDArray[np.uint8]
    distance: npt.NDArray[np.uint16]


def threshold(hashes: UInt64, units: npt.NDArray[Any], *, seed: int = 0) -> int:
    """The largest distance at which a pair of cells is looked at again, calibrated on pairs of different patients.

    It is a low quantile of their distances, at most `SAMPLE` cells looked at: the share of pairs that it lets through
    is `RATE`, or `EACH` for each cell where that is more. A quantile and not the minimum, since copies between patients
    may be there already: they are a few for each cell, and hardly move it. Pairs of one patient would: they are alike
    without being copies.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 8, 4)
        One hash for each orientation.
    units : ndarray of str, shape (n,)
        Split unit of each cell. Where all are one, all pairs count.

    Returns
    -------
    int
        In `LEAST`..`MOST`.
    """
    n = len(hashes)
    chosen = np.sort(np.random.default_rng(seed).permutation(n)[:SAMPLE])
    _, unit_of = np.unique(units[chosen], return_inverse=True)
    other = unit_of[:, None] != unit_of if unit_of.max(initial=0) > 0 else ~np.eye(len(chosen), dtype=np.bool_)
    counts = np.zeros(257, dtype=np.int64)
    for rows in blocks(len(chosen)):
        distance, _ = _nearest(hashes[chosen[rows]], hashes[chosen])
        counts += np.bincount(distance[other[rows]], minlength=257)
    if counts.sum() == 0:
        return LEAST
    share = min(0.5, max(RATE, EACH / n))
    below = np.searchsorted(np.cumsum(counts), share * counts.sum(), "right") - 1
    return int(np.clip(below, LEAST, MOST))


def candidates(hashes: UInt64, rows: slice, at_most: int) -> Candidates:
    """The pairs of some cells with those after them, within a distance in some orientation.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 8, 4)
        Of all cells.
    rows : slice
        The cells whose pairs are looked for; `blocks` gives slices that keep the memory flat.
    at_most : int
        The distance.
    """
    found = []
    for left in range(rows.start, len(hashes), _COLUMNS):
        distance, orientation = _nearest(hashes[rows], hashes[left : left + _COLUMNS])
        first, second = np.nonzero(distance <= at_most)
        later = rows.start + first < left + second
        first, second = first[later], second[later]
        found.append((rows.start + first, left + second, orientation[first, second], distance[first, second]))
    return Candidates(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def blocks(n: int) -> list[slice]:
    """Slices of n cells whose pairs are worked on at a time."""
    return [slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS)]


def _nearest(one: UInt64, two: UInt64) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
    """Smallest distance of each cell of `one` in any orientation to each of `two` as it is, and that orientation."""
    least = np.full((len(one), len(two)), 257, dtype=np.uint16)
    best = np.zeros(least.shape, dtype=np.uint8)
    # Words lie side by side in memory, so that each comparison runs along one row.
    words = np.ascontiguousarray(two[:, 0].T)
    for place in range(len(ORIENTATIONS)):
        distance = np.zeros(least.shape, dtype=np.uint16)
        for word, others in enumerate(words):
            distance += np.bitwise_count(one[:, place, word, None] ^ others)
        nearer = distance < least
        np.copyto(best, np.uint8(place), where=nearer)
        np.minimum(least, distance, out=least)
    return least, best
