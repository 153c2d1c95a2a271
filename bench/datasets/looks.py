"""One look at a cell's files: digests, size, and that its image and mask can be decoded and are not empty."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.orientations import picture_digest
from extractors.cells import Cell, CellFile, verify_image


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a cell's files finds.

    Parameters
    ----------
    sha256 : str
        Of the image file's bytes.
    mask_sha256 : str
        Of the mask file's bytes; empty without one.
    pixels : str
        SHA-256 of height, width and decoded RGB bytes: the same for one picture in two file formats.
    picture : str
        `bench.datasets.orientations.picture_digest`: the same for its turned and mirrored copies, too.
    height, width : int
        Size of the image, px.
    mask_px : int
        Area of the mask, px, above 0.
    """

    sha256: str
    mask_sha256: str
    pixels: str
    picture: str
    height: int
    width: int
    mask_px: int


def look_at(file: CellFile) -> Look:
    """Read every byte of a cell's image and mask.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        The image or mask is damaged or empty, they differ in size, or no mask can be found.
    """
    verify_image(Path(file.path))
    if file.mask_path is not None:
        verify_image(Path(file.mask_path))
    cell = Cell.from_file(file)
    image = cell.image
    if not image.any():
        raise ValueError("the image is black throughout")
    area = int(np.count_nonzero(cell.mask))
    if area == 0:
        raise ValueError(f"the mask {file.mask_path or ''} is empty")
    height, width = image.shape[:2]
    return Look(
        sha256=_file_digest(file.path),
        mask_sha256="" if file.mask_path is None else _file_digest(file.mask_path),
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


def _file_digest(path: str) -> str:
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
