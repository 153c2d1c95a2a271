"""One look at a cell's files: digests, size, and that its image and masks can be decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.scanning.orientations import picture_digest
from extractors.cells import Cell, CellFile, verify_image
from extractors.files.digests import file_digest


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a cell's files finds.

    Parameters
    ----------
    sha256 : str
        Of the image file's bytes.
    mask_sha256, nucleus_sha256 : str
        Of the bytes of the mask files of cell and nucleus; empty without one.
    pixels : str
        SHA-256 of height, width and decoded RGB bytes: the same for one picture in two file formats.
    picture : str
        `bench.datasets.scanning.orientations.picture_digest`: the same for its turned and mirrored copies, too.
    height, width : int
        Size of the image, px.
    mask_px : int
        Area of the mask, px, above 0.
    """

    sha256: str
    mask_sha256: str
    nucleus_sha256: str
    pixels: str
    picture: str
    height: int
    width: int
    mask_px: int


def probe_file(file: CellFile) -> Look:
    """Read every byte of a cell's image and masks.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        The image or a mask is damaged, image or mask is empty, they differ in size, no mask can be found, or the
        nucleus lies outside the cell.
    """
    verify_image(Path(file.path))
    for path in (file.mask_path, file.nucleus_path):
        if path is not None:
            verify_image(Path(path))
    cell = Cell.from_file(file)
    image = cell.image
    if not image.any():
        raise ValueError("the image is black throughout")
    area = int(np.count_nonzero(cell.mask))
    if area == 0:
        raise ValueError("no white cell is found" if file.mask_by == "smear" else f"the mask {file.mask_path} is empty")
    _ = cell.nucleus
    height, width = image.shape[:2]
    return Look(
        sha256=_file_digest(file.path),
        mask_sha256=_file_digest(file.mask_path),
        nucleus_sha256=_file_digest(file.nucleus_path),
        pixels=hashlib.sha256(f"{height}x{width}:".encode() + image.tobytes()).hexdigest(),
        picture=picture_digest(image),
        height=height,
        width=width,
        mask_px=area,
    )


def reason(error: Exception, file: CellFile) -> str:
    """Why a cell cannot be read, in a few words: without its path and id, which stand beside it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename in (None, file.path) else f"{error.strerror}: {error.filename}"
    text = str(error).removeprefix(f"{file.path}: ").removeprefix(f"cell {file.id}: ")
    return text if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {text}"


def _file_digest(path: str | None) -> str:
    return "" if path is None else file_digest(path)
