"""Inputs of the members of an ensemble: features of different extractors, or cells, for the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from extractors.cell_selection import select_cells

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class MemberInputs:
    """One X for each member of an ensemble.

    Parameters
    ----------
    parts : tuple
        Features or cells of each member; all have the same rows.
    open_split : callable, optional
        Called with training and test rows; returns the inputs of both. It is used where features depend on the
        training cells: those of an inner split come from a fit on its training part. Default: rows of the parts.
    """

    parts: tuple[Any, ...]
    open_split: Callable[[Rows, Rows], tuple[MemberInputs, MemberInputs]] | None = None

    def __len__(self) -> int:
        return len(self.parts[0])

    def split(self, train: Rows, test: Rows) -> tuple[MemberInputs, MemberInputs]:
        """Return the inputs of the training and of the test rows of an inner split."""
        if self.open_split is not None:
            return self.open_split(train, test)
        seen, unseen = (MemberInputs(tuple(rows_of(part, rows) for part in self.parts)) for rows in (train, test))
        return seen, unseen


def rows_of(X: Any, rows: Rows) -> Any:
    """Return some rows of features, or some cells; a row may occur several times."""
    if isinstance(X, np.ndarray):
        return X[rows]
    return select_cells(X, rows)
