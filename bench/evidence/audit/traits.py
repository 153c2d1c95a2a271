"""Properties of each cell read by the audit in one pass: hashes, texture, colour and file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.datasets.read_errors import cell_errors_as_bench_error
from bench.evidence.audit.fingerprints import hashes, thumbnail
from bench.evidence.audit.textures import texture
from bench.statistics.arrays import Codes, Floats
from extractors.cells import Cell, CellFile

Progress = Callable[[int, int], None]

_BATCH = 64


@dataclass(frozen=True)
class Traits:
    """Properties of n cells.

    Parameters
    ----------
    hashes : ndarray of uint64, shape (n, 8, 4)
        `fingerprints.hashes`.
    textures : ndarray of int8, shape (n, 64, 64)
        `textures.texture` of the thumbnail, scaled to a maximum of 127.
    colour : ndarray of float64, shape (n, 3)
        Mean red, green and blue in the mask, 0..255.
    format : ndarray of str, shape (n,)
        File format and pixel mode, such as `PNG RGB`.
    file_bytes : ndarray of int64, shape (n,)
        Size of the image file.
    """

    hashes: npt.NDArray[np.uint64]
    textures: npt.NDArray[np.int8]
    colour: Floats
    format: npt.NDArray[np.str_]
    file_bytes: npt.NDArray[np.int64]

    def take(self, rows: Codes) -> Traits:
        """Select cells."""
        return Traits(*(column[rows] for column in vars(self).values()))


def read_traits(files: Sequence[CellFile], *, threads: int, progress: Progress | None = None) -> Traits:
    """Read the properties of readable cells in parallel.

    Parameters
    ----------
    files : sequence of CellFile
        Files of the cells.
    threads : int
        Number of threads.
    progress : callable, optional
        Called with the number of finished cells and of all cells.

    Raises
    ------
    OSError, ValueError
        A cell cannot be read.
    """
    parts = []
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            grey, *columns = zip(*pool.map(_read_cell, batch), strict=True)
            parts.append((hashes(np.stack(grey)), *map(np.array, columns)))
            if progress is not None:
                progress(start + len(batch), len(files))
    return Traits(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _read_cell(file: CellFile) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8], Floats, str, int]:
    """Return the grey thumbnail of a cell, its texture, mean colour and file format, and the size of the file."""
    cell, path = Cell.from_file(file), Path(file.path)
    with cell_errors_as_bench_error(file):
        grey, inside = thumbnail(cell.image, cell.mask)
        kind = cell.image_file.kind
    fine = texture(grey, inside)
    scaled = np.rint(fine * (127 / max(float(np.abs(fine).max()), 1e-6))).astype(np.int8)
    colour = cell.image[cell.mask].mean(axis=0, dtype=np.float64)
    return grey, scaled, colour, kind, path.stat().st_size
