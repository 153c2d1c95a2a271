"""Prefetching: threads read and transform cells, a few ahead of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from extractors.cells import Cell
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.inference.engine import InputImage

AHEAD = 4
"""Images per thread that are ready or in progress: enough to hide a slow file among fast ones."""


def input_images(cells: Sequence[Cell], transform: ResizeCrop, *, threads: int) -> Generator[InputImage, None, None]:
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
    pending: deque[Future[InputImage]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="transform")
    try:
        for index in range(len(cells)):
            pending.append(pool.submit(_input_image, cells, index, transform))
            if len(pending) >= AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _input_image(cells: Sequence[Cell], index: int, transform: ResizeCrop) -> InputImage:
    cell = cells[index]
    try:
        return transform(cell)
    except (ValueError, OSError) as error:
        text = str(error)
        message = text if text.startswith(f"cell {cell.id}:") else f"cell {cell.id}: {text}"
        raise (ValueError if isinstance(error, ValueError) else OSError)(message) from error
