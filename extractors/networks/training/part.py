"""Cells of the training or the validation part of a training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from extractors.arrays import Float32Array, Int64Array
from extractors.cells import Cell
from extractors.networks.training.class_balance import epoch_rows
from extractors.networks.training.image_batches import EpochRows


@dataclass(frozen=True)
class Part:
    """Cells with targets and weights.

    Parameters
    ----------
    cells : sequence of Cell, length n
    targets : ndarray of int64, shape (n,)
        Class codes from 0.
    weights : ndarray of float32, shape (n,)
        Weight of each cell in the loss, >= 0, with a positive sum.
    balance : str
        Which cells an epoch has; see `extractors.networks.training.class_balance.BALANCES`.
    """

    cells: Sequence[Cell]
    targets: Int64Array
    weights: Float32Array
    balance: str = "none"

    def epoch_rows(self) -> EpochRows | None:
        """Return the function that draws the cells of an epoch; None for every cell once."""
        resampled = self.balance in ("oversample", "undersample")
        return partial(epoch_rows, self.targets, self.balance) if resampled else None

    def digest(self) -> str:
        """Return a digest of the cells' names, targets and weights."""
        names = "\n".join(cell.id for cell in self.cells)
        return hashlib.sha256(
            names.encode() + self.targets.tobytes() + self.weights.tobytes() + self.balance.encode()
        ).hexdigest()
