"""Cache of transformed cells in memory, shared by all folds of a process."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.cell_errors import errors_with_cell
from extractors.cells import Cell, CellFile, Cells
from extractors.files.stamps import file_stamp
from extractors.networks.image_transform import ImageTransform

MAX_CACHED_BYTES = 128 * 1024 * 1024


class Crop(NamedTuple):
    """A transformed cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width), or None
        True on the cell; None without request.
    """

    image: UInt8Array
    mask: BoolArray | None


class CropCache:
    """Crops by cell file and transform; a file that changes is decoded again. Thread-safe.

    Parameters
    ----------
    max_bytes : int
        Capacity in bytes of pixels. A full cache neither adds nor evicts, so that repeated passes over more cells than
        fit still hit those that are cached.
    """

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self.max_bytes = max_bytes
        self._crops: dict[Any, Crop] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, file: CellFile, transform: ImageTransform, *, mask: bool) -> Crop:
        """Return the transformed image of a file, and its mask on request.

        Raises
        ------
        OSError, ValueError
            The file is missing, or the cell cannot be read or transformed.
        """
        stamps = tuple(file_stamp(path) for path in (file.path, file.mask_path) if path is not None)
        key = (file, transform, mask, stamps)
        if key not in self._crops:
            crop = transformed(Cell.from_file(file), transform, mask=mask)
            self._add(key, crop)
            return crop
        return self._crops[key]

    def _add(self, key: Any, crop: Crop) -> None:
        n_bytes = crop.image.nbytes + (0 if crop.mask is None else crop.mask.nbytes)
        with self._lock:
            if key in self._crops or self._bytes + n_bytes > self.max_bytes:
                return
            self._bytes += n_bytes
            # Copies: a crop may be a view of a larger image.
            self._crops[key] = Crop(np.array(crop.image), None if crop.mask is None else np.array(crop.mask))


_cache = CropCache()


def cell_crop(cells: Sequence[Cell], index: int, transform: ImageTransform, *, mask: bool = False) -> Crop:
    """Transform one cell of a sequence; cells of plain files (`Cells`) are cached by this process, up to 128 MiB.

    Raises
    ------
    OSError, ValueError
        The cell cannot be read or transformed; the message names it.
    """
    # A subclass of `Cells` may change the pixels of its files, so only `Cells` itself is cached by file.
    if type(cells) is Cells:
        file = cells.files[index]
        with errors_with_cell(file.id):
            return _cache.get(file, transform, mask=mask)
    cell = cells[index]
    with errors_with_cell(cell.id):
        return transformed(cell, transform, mask=mask)


def transformed(cell: Cell, transform: ImageTransform, *, mask: bool) -> Crop:
    """Transform the image of a cell, and its mask on request."""
    return Crop(transform(cell), transform.mask(cell) if mask else None)
