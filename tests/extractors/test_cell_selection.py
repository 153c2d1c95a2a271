from __future__ import annotations

import numpy as np

from extractors.cell_selection import select_cells
from extractors.cells import Cell, CellFile, Cells


def test_cells_of_files_stay_cells_of_files() -> None:
    cells = Cells(CellFile(name, f"{name}.png") for name in "abc")
    selected = select_cells(cells, np.array([2, 0]))
    assert type(selected) is Cells
    assert [file.id for file in selected.files] == ["c", "a"]


def test_other_sequences_are_accessed_by_position() -> None:
    class Renamed(Cells):
        def __getitem__(self, index: int) -> Cell:  # type: ignore[override]  # only single cells are accessed
            return Cell(f"new {self.files[index].id}", np.zeros((4, 4, 3), np.uint8))

    selected = select_cells(Renamed(CellFile(name, f"{name}.png") for name in "abc"), [2, 0, 0])
    assert [cell.id for cell in selected] == ["new c", "new a", "new a"]
    assert [cell.id for cell in selected[1:]] == ["new a", "new a"]
    assert len(selected) == 3
