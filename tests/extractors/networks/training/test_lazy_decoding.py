"""How many decoded cells a training and its predictions hold at once."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from classifiers.cnn import Cnn
from extractors.cells import Cell
from extractors.networks.training.image_batches import CHUNK


class CountedCells(Sequence[Cell]):
    """Decodes a cell at each access, and counts the decoded images that are alive."""

    def __init__(self, n: int) -> None:
        self.n, self.alive, self.most = n, 0, 0

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self.n:
            raise IndexError
        image = np.full((16, 16, 3), 40 + 80 * (index % 2) + index % 30, dtype=np.uint8)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(image, self._release)
        return Cell(str(index), image, np.ones((16, 16), np.bool_))

    def _release(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("options", [{}, {"learning_rate": "find"}, {"balance": "oversample"}], ids=str)
def test_the_number_of_decoded_cells_does_not_grow_with_the_dataset(options: dict[str, Any]) -> None:
    """A thread holds the cells of a chunk; channel statistics, computed first, four cells ahead."""
    cells = CountedCells(200)
    fitted = Cnn(arch="small", size=16, epochs=1, batch_size=64, random_state=0, **options)
    fitted.fit(cells, np.arange(200) % 2)
    assert 0 < cells.most <= CHUNK + 1
    cells.most = 0
    assert fitted.predict_proba(cells).shape == (200, 2)
    assert 0 < cells.most <= CHUNK + 1
    assert cells.alive == 0
