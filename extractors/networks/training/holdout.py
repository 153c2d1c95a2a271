"""Patients set aside for early stopping, drawn so that both sides hold every class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


def patient_holdout(
    y: npt.ArrayLike, groups: npt.ArrayLike | None, *, fraction: float = 0.2, seed: int = 0
) -> tuple[Indices, Indices]:
    """Split rows into a training and a validation part that share no group.

    Of each class, rarest first, groups that hold it are drawn until the validation part has `fraction` of them (at
    least one); a group is passed over where the training part would lose its last group of a class.

    Parameters
    ----------
    y : array-like, shape (n,)
        Classes.
    groups : array-like, shape (n,), or None
        Split unit of each row; None: each row is its own.
    fraction : float
        Share of each class's groups, 0 < fraction < 1.
    seed : int
        Same seed, same split.

    Returns
    -------
    training, validation : ndarray of intp
        Row indices, ascending.

    Raises
    ------
    ValueError
        A class has fewer than two groups, or no such split exists.
    """
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    units, rows = np.unique(np.arange(len(codes)) if groups is None else np.asarray(groups), return_inverse=True)
    holds = np.zeros((len(units), len(classes)), dtype=np.bool_)
    holds[rows, codes] = True
    per_class = holds.sum(axis=0)
    if per_class.min() < 2:
        poor = classes[int(np.argmin(per_class))]
        raise ValueError(
            f"class {poor} has cells of {per_class.min()} patient; early stopping sets patients aside and "
            "needs at least 2 of each class"
        )
    chosen = _draw(holds, np.maximum(1, np.rint(fraction * per_class)), np.random.default_rng(seed))
    if not (holds[chosen].any(axis=0).all() and holds[~chosen].any(axis=0).all()):
        raise ValueError(
            "no split of the patients leaves every class on both sides; early stopping needs at least 2 patients of "
            "each class that can be parted"
        )
    aside = chosen[rows]
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def _draw(
    holds: npt.NDArray[np.bool_], wanted: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(holds), dtype=np.bool_)
    for column in np.argsort(holds.sum(axis=0), kind="stable"):
        for unit in rng.permutation(np.flatnonzero(holds[:, column] & ~chosen)):
            if holds[chosen, column].sum() >= wanted[column]:
                break
            chosen[unit] = True
            if not holds[~chosen].any(axis=0).all():
                chosen[unit] = False
    return chosen
