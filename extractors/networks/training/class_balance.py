"""Class balance of a training: weights of cells, or the cells of an epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from extractors.arrays import Float64Array, IntpArray

BALANCES: Mapping[str, str] = {
    "none": "every cell once, with weight 1",
    "weighted": "weight n / (k n_c), the inverse share of the class",
    "root_weighted": "weight proportional to the root of the inverse share of the class, mean 1",
    "oversample": "cells of smaller classes repeated up to the size of the largest",
    "undersample": "cells of larger classes dropped down to the size of the smallest, other ones in each epoch",
}
"""Kinds of class balance by name; n cells, k classes, n_c cells of class c."""


def cell_weights(codes: npt.ArrayLike, balance: str) -> Float64Array:
    """Return the weight of each cell in the loss.

    Parameters
    ----------
    codes : array-like of int, shape (n,)
        Class of each training cell. Only classes that occur count.
    balance : str
        A name in `BALANCES`. `none`, `oversample` and `undersample` give the weight 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        Mean 1.

    Raises
    ------
    ValueError
        There is no such balance, or there is no cell.
    """
    classes, counts = _classes(codes, balance)
    if balance not in ("weighted", "root_weighted"):
        return np.ones(len(classes))
    inverse = len(classes) / (len(counts) * counts)
    if balance == "root_weighted":
        inverse = np.sqrt(inverse)
        inverse = inverse * len(classes) / np.sum(counts * inverse)
    return np.asarray(inverse[classes], dtype=np.float64)


def epoch_rows(codes: npt.ArrayLike, balance: str, rng: np.random.Generator) -> IntpArray:
    """Draw the cells of an epoch, in random order.

    Parameters
    ----------
    codes : array-like of int, shape (n,)
        Class of each training cell. Only classes that occur count.
    balance : str
        A name in `BALANCES`. `oversample`: as many cells of each class as the largest has; each cell occurs equally
        often, or once more. `undersample`: as many cells of each class as the smallest has, without repetition.
        Otherwise every cell once.
    rng : numpy.random.Generator
        A new state for each epoch gives a new draw.

    Returns
    -------
    ndarray of intp
        Indices into `codes`.

    Raises
    ------
    ValueError
        There is no such balance, or there is no cell.
    """
    classes, counts = _classes(codes, balance)
    if balance not in ("oversample", "undersample"):
        return rng.permutation(len(classes))
    size = int(counts.max() if balance == "oversample" else counts.min())
    drawn = [_draw(np.flatnonzero(classes == index), size, rng) for index in range(len(counts))]
    return rng.permutation(np.concatenate(drawn))


def _draw(rows: IntpArray, size: int, rng: np.random.Generator) -> IntpArray:
    copies, rest = divmod(size, len(rows))
    return np.concatenate([np.tile(rows, copies), rng.permutation(rows)[:rest]])


def _classes(codes: npt.ArrayLike, balance: str) -> tuple[IntpArray, IntpArray]:
    if balance not in BALANCES:
        raise ValueError(f"balance={balance} is not known; it is one of {', '.join(BALANCES)}")
    _, classes, counts = np.unique(np.asarray(codes), return_inverse=True, return_counts=True)
    if not len(counts):
        raise ValueError("there is no training cell to balance")
    return classes, counts
