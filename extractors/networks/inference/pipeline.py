"""Cells read, prepared and shown by threads, a few ahead of the network that takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from extractors.cells import Cell
from extractors.networks.backbones.image_transform import View
from extractors.networks.inference.engine import Shown

AHEAD = 4
"""Images for each thread that are ready or in the making: enough for a slow file among fast ones."""


def shown_images(cells: Sequence[Cell], view: View, *, threads: int) -> Generator[Shown, None, None]:
    """Each cell's image as a network takes it, in the order of the cells.

    Memory holds `AHEAD` images for each thread, whatever the number of cells. Close the iterator where it is not run
    to its end (`contextlib.closing`): its threads then finish the image at hand and stop.

    Parameters
    ----------
    cells : sequence of Cell
    view : View
    threads : int
        Threads that read.

    Yields
    ------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ValueError, OSError
        A cell cannot be read, prepared or shown; the message names it.
    """
    waiting: deque[Future[Shown]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="show")
    try:
        for index in range(len(cells)):
            waiting.append(pool.submit(_shown, cells, index, view))
            if len(waiting) >= AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _shown(cells: Sequence[Cell], index: int, view: View) -> Shown:
    cell = cells[index]
    try:
        return view.shown(cell.image)
    except (ValueError, OSError) as error:
        text = str(error)
        named = text if text.startswith(f"cell {cell.id}:") else f"cell {cell.id}: {text}"
        raise (ValueError if isinstance(error, ValueError) else OSError)(named) from error
