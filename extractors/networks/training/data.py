"""Cells as the pixels that a network is trained on: one square uint8 stack in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt

from extractors.cells import Cell, Cells, UInt8Image
from extractors.networks.training.crop_cache import CropMemory

Statistics = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]

_memory = CropMemory()


def pixel_stack(cells: Sequence[Cell], size: int, *, threads: int = 1) -> npt.NDArray[np.uint8]:
    """Every cell cropped to its mask's box, padded to a square, resized; in the order of `cells`.

    Crops of plain files (`Cells`) are remembered by this process, up to 256 MiB.

    Parameters
    ----------
    cells : sequence of Cell
    size : int
        Side of the squares in pixels.
    threads : int
        How many threads decode.

    Returns
    -------
    ndarray of uint8, shape (n_cells, size, size, 3)
        RGB.

    Raises
    ------
    OSError, ValueError
        A cell cannot be read, or its mask is empty; the first such cell is named.
    """
    stack = np.empty((len(cells), size, size, 3), dtype=np.uint8)

    def fill(index: int) -> None:
        # Not a subclass: that may change the pixels of its files before it hands them out.
        if type(cells) is Cells:
            stack[index] = _memory.crop(cells.files[index], size, lambda: square_crop(cells[index], size))
        else:
            stack[index] = square_crop(cells[index], size)

    with ThreadPoolExecutor(max_workers=threads) as pool:
        for _ in pool.map(fill, range(len(cells))):
            pass
    return stack


def square_crop(cell: Cell, size: int) -> UInt8Image:
    """The box of the cell's mask, centred on a black square and resized: uint8, shape (size, size, 3).

    The proportions are kept, and so are pixels of the box that lie outside the mask. Pixels are averaged over their
    area where the crop shrinks and interpolated linearly where it grows.

    Raises
    ------
    ValueError
        The mask is empty.
    """
    image, mask = cell.image, cell.mask
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        raise ValueError(f"cell {cell.id}: its mask is empty, there is nothing to show to a network")
    box = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = box.shape[:2]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    square = np.zeros((side, side, 3), dtype=np.uint8)
    square[top : top + height, left : left + width] = box
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=interpolation), dtype=np.uint8)


def channel_statistics(stack: npt.NDArray[np.uint8]) -> Statistics:
    """Mean and standard deviation of each colour channel over all pixels, on the scale 0 to 1.

    Parameters
    ----------
    stack : ndarray of uint8, shape (n, size, size, 3)

    Returns
    -------
    mean, std : ndarray of float32, shape (3,)
        A channel that does not vary gets the standard deviation 1, so that dividing by it is safe.
    """
    levels = np.arange(256) / 255.0
    counts = np.stack([np.bincount(stack[..., channel].ravel(), minlength=256) for channel in range(3)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    variance = (shares * (levels[None, :] - mean[:, None]) ** 2).sum(axis=1)
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return mean.astype(np.float32), std.astype(np.float32)
