"""Cells that are not a file each are written once, without loss, into the user's cache folder."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from extractors.arrays import UInt8Array
from extractors.files.atomic import atomic_folder
from extractors.files.cache_folder import cache_folder

FOLDER = "extracted-cells"

MAX_BYTES = 32 * 1024**3
"""Most bytes that the cells of a dataset may have."""

_HEADER = 54
_MARGIN = 64 * 1024**2


def extracted_cells(
    key: str, names: Sequence[str], images: Iterable[UInt8Array], *, pixels: int, source: object
) -> tuple[list[Path], str | None]:
    """Write images as BMP files, unless an earlier call has written them.

    A BMP has no compression, so that its bytes, from which cells have their identity, do not depend on a library.

    Parameters
    ----------
    key : str
        Digest of the source and of how cells are cut from it.
    names : sequence of str
        Name of each file without its suffix: letters, digits, `-` and `_`.
    images : iterable of ndarray of uint8, shape (height, width, 3)
        RGB, in the order of `names`; consumed only if the files must be written.
    pixels : int
        Number of pixels of all images, to compare with the free space.
    source : object
        Name of the source in messages.

    Returns
    -------
    paths : list of Path
        The files, in the order of `names`.
    notice : str or None
        Message that states where they have been written; None if they were there.

    Raises
    ------
    BenchError
        The images are too large, or the cache folder cannot be written.
    """
    folder = cache_folder() / FOLDER / key
    paths = [folder / f"{name}.bmp" for name in names]
    if folder.is_dir() and all(path.is_file() for path in paths):
        return paths, None
    size = 3 * pixels + (_HEADER + 4096) * len(names)
    if size > MAX_BYTES:
        raise BenchError(f"{source}: its cells need {size} bytes; at most {MAX_BYTES} are written to the cache folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder.parent).free
        if size + _MARGIN > free:
            raise BenchError(
                f"{source}: its cells need {size} bytes in the cache folder {folder.parent}, which has {free}; set "
                "CYTOBENCH_CACHE to another folder"
            )
        with atomic_folder(folder, existing="replace" if folder.is_dir() else "keep", flush=False) as temporary:
            for path, image in zip(paths, images, strict=True):
                (temporary / path.name).write_bytes(bmp_bytes(image))
    except OSError as error:
        raise BenchError(f"{folder}: cells of {source} cannot be written ({error.strerror or error})") from error
    return paths, f"the cells of {source} are stored as BMP files in {folder}; they may be deleted at any time"


def bmp_bytes(image: UInt8Array) -> bytes:
    """Return an RGB image of uint8, shape (height, width, 3), as a BMP file of 24 bits."""
    height, width, _ = image.shape
    stride = -(-3 * width // 4) * 4
    rows = np.zeros((height, stride), dtype=np.uint8)
    rows[:, : 3 * width] = image[::-1, :, ::-1].reshape(height, 3 * width)
    size = _HEADER + rows.nbytes
    header = struct.pack("<2sIHHI", b"BM", size, 0, 0, _HEADER)
    return (
        header
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, rows.nbytes, 2835, 2835, 0, 0)
        + rows.tobytes()
    )
