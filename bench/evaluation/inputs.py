"""Inputs of a classifier for the cells of a split: features, or the cells themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.splits.folds import Indices, PatientKFold


class Inputs(Protocol):
    """Features or cells of a dataset, addressed by position."""

    def take(self, rows: Indices) -> Any:
        """Return those at the given positions in the dataset."""


@dataclass(frozen=True)
class FeatureArray:
    """Features that all splits share.

    Parameters
    ----------
    values : ndarray of float32, shape (n_cells, n_features)
        One row per cell of the dataset.
    names : tuple of str
        Feature names.
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]

    def take(self, rows: Indices) -> npt.NDArray[np.float32]:
        """Return a contiguous copy of the rows at the given positions."""
        return np.ascontiguousarray(self.values[rows])


OpenInputs = Callable[[Indices, Indices, PatientKFold], Inputs]
"""Called with training positions, predicted positions and the inner splitter; returns the inputs of that split."""
