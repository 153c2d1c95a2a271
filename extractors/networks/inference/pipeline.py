"""Prefetching: threads read and transform cells, a few ahead of the network."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from extractors.cell_errors import errors_with_cell
from extractors.cells import Cell
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.inference.engine import InputImage
from extractors.networks.prefetch import prefetched

AHEAD = 4
"""Images per thread that are ready or in progress: enough to hide a slow file among fast ones."""


def input_images(cells: Sequence[Cell], transform: ResizeCrop, *, threads: int) -> Generator[InputImage]:
    """Transform each cell, in order.

    Memory holds `AHEAD` images per thread, whatever the number of cells. Close an iterator that is not exhausted
    (`contextlib.closing`): its threads then finish their current image and stop.

    Parameters
    ----------
    cells : sequence of Cell
    transform : ResizeCrop
    threads : int
        Number of reading threads.

    Yields
    ------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ValueError, OSError
        A cell cannot be read, prepared or transformed; the message names it.
    """

    def input_image(index: int) -> InputImage:
        cell = cells[index]
        with errors_with_cell(cell.id):
            return transform(cell)

    return prefetched(input_image, range(len(cells)), threads=threads, ahead=AHEAD * threads)
