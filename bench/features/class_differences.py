"""Whether missing values depend on the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

MIN_DIFFERENCE = 0.2
"""Smallest reported difference between the classes; missing or not then has an AUROC of at least 0.6 by itself."""

STANDARD_ERRORS = 3.0
"""A reported difference exceeds this number of its standard errors, with the split unit as the observation."""


@dataclass(frozen=True)
class ClassDifference:
    """A family of which some columns are missing in different shares of the cells of the classes.

    Parameters
    ----------
    family : str
        Name of the family.
    columns : int
        Number of such columns.
    reason : str
        Most frequent reason in the family.
    shares : mapping of str to float
        Share of cells by class, as mean over split units, of the column with the largest difference.
    """

    family: str
    columns: int
    reason: str
    shares: Mapping[str, float]


def class_shares(shares: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Compare the shares of missing values between the classes.

    A column is reported if its shares differ by at least `MIN_DIFFERENCE` and by more than `STANDARD_ERRORS` standard
    errors between the two classes that differ most. The share of a class is the mean over its split units, and its
    standard error is that of this mean. Nothing is reported with one class, or with a single split unit of a class.

    Parameters
    ----------
    shares : DataFrame, index (label, unit)
        Share of the cells of a split unit in which each column is missing, in [0, 1].

    Returns
    -------
    means : DataFrame, index label
        Share of each class.
    reported : ndarray of bool, shape (n_columns,)
        Whether a column is reported.
    """
    by_class = shares.groupby(level="label", sort=True)
    means, units = by_class.mean(), by_class.size()
    if len(means) < 2 or units.min() < 2:
        return means, np.zeros(shares.shape[1], dtype=np.bool_)
    values, errors = means.to_numpy(), by_class.std(ddof=1).to_numpy() / np.sqrt(units.to_numpy())[:, None]
    column, high, low = np.arange(values.shape[1]), values.argmax(axis=0), values.argmin(axis=0)
    difference = values[high, column] - values[low, column]
    error = np.hypot(errors[high, column], errors[low, column])
    return means, (difference >= MIN_DIFFERENCE) & (difference > STANDARD_ERRORS * error)
