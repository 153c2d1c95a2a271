"""Labels and split units of training rows: checks, class codes and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from extractors.arrays import Float64Array, IntpArray

Values = npt.NDArray[Any]


def labels_of_rows(y: npt.ArrayLike, n_rows: int) -> Values:
    """Return the label of each row.

    Raises
    ------
    ValueError
        There is not one label for each row, there is no row, a label is missing, or texts and numbers are mixed.
    """
    labels = np.asarray(y)
    if labels.shape != (n_rows,):
        raise ValueError(f"{n_rows} cells and labels of shape {labels.shape}; one label for each cell is expected")
    if not n_rows:
        raise ValueError("there is no training cell")
    _check_values(labels, "labels")
    return labels


def class_codes(labels: Values) -> tuple[Values, IntpArray]:
    """Return the classes in sort order and the code of each row.

    Raises
    ------
    ValueError
        There is only one class.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"only one class, {classes[0]!s}, is among the {len(codes)} training cells; at least two are needed"
        )
    return classes, codes


def units_of_rows(groups: npt.ArrayLike | None, n_rows: int) -> Values:
    """Return the split unit of each row: `groups` as an array, or the row numbers without groups.

    Raises
    ------
    ValueError
        There is not one entry for each row, an entry is missing, or texts and numbers are mixed.
    """
    if groups is None:
        return np.arange(n_rows)
    units = np.asarray(groups)
    if units.shape != (n_rows,):
        raise ValueError(f"groups has the shape {units.shape}; one patient for each of the {n_rows} cells is expected")
    _check_values(units, "groups")
    return units


def unit_weights(units: Values) -> Float64Array:
    """Compute weights by which the rows of each unit sum to 1, shape (n_rows,)."""
    _, codes, counts = np.unique(units, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[codes], dtype=np.float64)


def _check_values(values: Values, name: str) -> None:
    """Check that labels or groups are complete and can be sorted."""
    missing = np.flatnonzero(pd.isna(values))
    if len(missing):
        n_missing = f"{len(missing)} of {len(values)} cells"
        raise ValueError(f"{name} has no value for {n_missing}, the first of them cell {missing[0]}")
    if values.dtype == object:
        kinds = {type(value).__name__ for value in values.tolist()}
        if len(kinds) > 1 and "str" in kinds:
            raise ValueError(f"{name} has values of the types {', '.join(sorted(kinds))}; use one type")
