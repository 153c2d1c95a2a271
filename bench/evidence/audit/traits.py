"""Properties of each cell read by the audit in one pass: hashes, texture, colour and file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.datasets.scanning.orientations import ORIENTATIONS
from bench.evidence.audit.fingerprints import SIDE, WORDS, hashes, thumbnail
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
    format : tuple of str
        File format and pixel mode, such as `PNG RGB`.
    file_bytes : ndarray of int64, shape (n,)
        Size of the image file.
    """

    hashes: npt.NDArray[np.uint64]
    textures: npt.NDArray[np.int8]
    colour: Floats
    format: tuple[str, ...]
    file_bytes: npt.NDArray[np.int64]

    def take(self, rows: Codes) -> Traits:
        """Select cells."""
        kinds = tuple(self.format[row] for row in rows)
        return Traits(self.hashes[rows], self.textures[rows], self.colour[rows], kinds, self.file_bytes[rows])


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
    traits = Traits(
        np.empty((len(files), len(ORIENTATIONS), WORDS), dtype=np.uint64),
        np.empty((len(files), SIDE, SIDE), dtype=np.int8),
        np.empty((len(files), 3)),
        ("",) * len(files),
        np.empty(len(files), dtype=np.int64),
    )
    formats: list[str] = []
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(files), _BATCH):
            batch = slice(start, min(start + _BATCH, len(files)))
            grey, textures, colours, kinds, sizes = zip(*pool.map(_read_cell, files[batch]), strict=True)
            traits.hashes[batch] = hashes(np.stack(grey))
            traits.textures[batch], traits.colour[batch], traits.file_bytes[batch] = textures, colours, sizes
            formats += kinds
            if progress is not None:
                progress(batch.stop, len(files))
    return Traits(traits.hashes, traits.textures, traits.colour, tuple(formats), traits.file_bytes)


def _read_cell(file: CellFile) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8], Floats, str, int]:
    """Return the grey thumbnail of a cell, its texture, mean colour and file format, and the size of the file."""
    cell = Cell.from_file(file)
    small = thumbnail(cell.image, cell.mask)
    fine = texture(small.grey, small.inside)
    path = Path(file.path)
    with Image.open(path) as header:
        kind = f"{header.format} {header.mode}"
    scaled = np.rint(fine * (127 / max(float(np.abs(fine).max()), 1e-6))).astype(np.int8)
    colour = cell.image[cell.mask].mean(axis=0, dtype=np.float64)
    return small.grey, scaled, colour, kind, path.stat().st_size
