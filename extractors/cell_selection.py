"""Selection of cells from any sequence, without decoding them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from extractors.cells import Cell, Cells


class CellSelection(Sequence[Cell]):
    """Cells of another sequence by position; each access is passed on.

    Parameters
    ----------
    cells : sequence of Cell
    rows : iterable of int
        Positions in `cells`, in the order of the selection.
    """

    def __init__(self, cells: Sequence[Cell], rows: Iterable[int]) -> None:
        self._cells = cells
        self._rows = [int(row) for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> CellSelection: ...
    def __getitem__(self, index: int | slice) -> Cell | CellSelection:
        if isinstance(index, slice):
            return CellSelection(self._cells, self._rows[index])
        return self._cells[self._rows[index]]


def select_cells(cells: Sequence[Cell], rows: Iterable[int]) -> Sequence[Cell]:
    """Select cells by position: `Cells` of `Cells`, and a `CellSelection` of any other sequence."""
    # A subclass of `Cells` may change the pixels of its files, which `take` would lose.
    return cells.take(rows) if type(cells) is Cells else CellSelection(cells, rows)
