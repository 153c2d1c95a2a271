"""Patient-disjoint validation split for early stopping, with every class on both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from extractors.arrays import BoolArray, Float64Array, IntpArray


def patient_holdout(
    y: npt.ArrayLike, groups: npt.ArrayLike | None, *, fraction: float = 0.2, seed: int = 0
) -> tuple[IntpArray, IntpArray]:
    """Split rows into a training and a validation part that share no group.

    For each class, rarest first, groups that contain it are drawn until the validation part has `fraction` of them (at
    least one). A group is skipped where the training part would lose its last group of a class.

    Parameters
    ----------
    y : array-like, shape (n,)
        Classes.
    groups : array-like, shape (n,), or None
        Split unit of each row; None: each row is its own.
    fraction : float
        Share of each class's groups, 0 < fraction < 1.
    seed : int
        Seed of the draw.

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
    contains = np.zeros((len(units), len(classes)), dtype=np.bool_)
    contains[rows, codes] = True
    per_class = contains.sum(axis=0)
    if per_class.min() < 2:
        rarest = classes[int(np.argmin(per_class))]
        raise ValueError(
            f"class {rarest} has cells of {per_class.min()} patient; early stopping holds patients out and needs at "
            "least 2 of each class"
        )
    selected = _draw(contains, np.maximum(1, np.rint(fraction * per_class)), np.random.default_rng(seed))
    if not (contains[selected].any(axis=0).all() and contains[~selected].any(axis=0).all()):
        raise ValueError(
            "no split of the patients has every class on both sides; early stopping needs at least 2 patients of each "
            "class that can be separated"
        )
    held_out = selected[rows]
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _draw(contains: BoolArray, targets: Float64Array, rng: np.random.Generator) -> BoolArray:
    selected = np.zeros(len(contains), dtype=np.bool_)
    for column in np.argsort(contains.sum(axis=0), kind="stable"):
        for unit in rng.permutation(np.flatnonzero(contains[:, column] & ~selected)):
            if contains[selected, column].sum() >= targets[column]:
                break
            selected[unit] = True
            if not contains[~selected].any(axis=0).all():
                selected[unit] = False
    return selected
