"""Probe the files of a cell: digests, size, and whether image and masks can be decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.datasets.scanning.orientations import picture_digest
from extractors.cells import Cell, CellFile
from extractors.images.decoding import verify_image
from extractors.images.masks import ReadMask
from extractors.segmentation.foreground import has_ringing, is_rectangle


@dataclass(frozen=True, slots=True)
class FileProbe:
    """Digests and sizes of the files of a cell.

    Parameters
    ----------
    sha256 : str
        Digest of the image file.
    mask_sha256, nucleus_sha256 : str
        Digests of the mask files of cell and nucleus; empty without a file.
    pixels : str
        SHA-256 of height, width and decoded RGB bytes, independent of the file format.
    picture : str
        `bench.datasets.scanning.orientations.picture_digest`, independent of the orientation.
    height, width : int
        Size of the image, px.
    mask_px : int
        Area of the mask, px, above 0.
    peak : int
        Largest value of a 16-bit image; 0 for other depths.
    transparent : int
        Number of pixels that are black because they are less than half opaque.
    ringing : int
        1 if the cell was segmented in an image that was a JPEG before, otherwise 0.
    rectangle : int
        1 if the segmented cell is a rectangle, as of an image with a black border, otherwise 0.
    turned : int
        1 if the orientation tags of the image and of a mask differ, otherwise 0.
    mask_reading, nucleus_reading : str
        Rule by which the mask files were read and their values, such as `nonzero: 0, 255`; empty without a file.
    """

    sha256: str
    mask_sha256: str
    nucleus_sha256: str
    pixels: str
    picture: str
    height: int
    width: int
    mask_px: int
    peak: int
    transparent: int
    ringing: int
    rectangle: int
    turned: int
    mask_reading: str
    nucleus_reading: str


def probe_file(file: CellFile) -> FileProbe:
    """Read image and masks of a cell completely; the digests are those of the bytes that are decoded.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        The image or a mask is damaged or empty, their sizes differ, segmentation fails, or the nucleus is outside the
        cell.
    """
    image_sha256 = verify_image(Path(file.path))
    mask_sha256, nucleus_sha256 = (
        None if path is None else verify_image(Path(path)) for path in (file.mask_path, file.nucleus_path)
    )
    cell = Cell.from_file(replace(file, sha256=image_sha256, mask_sha256=mask_sha256, nucleus_sha256=nucleus_sha256))
    image = cell.image
    if not image.any():
        raise ValueError("the image is entirely black")
    area = int(np.count_nonzero(cell.mask))
    if area == 0:
        raise ValueError(_empty(file))
    _ = cell.nucleus
    height, width = image.shape[:2]
    segmented = file.mask_path is None and file.mask_by == "foreground"
    masks = cell.mask_file, cell.nucleus_file
    return FileProbe(
        sha256=image_sha256,
        mask_sha256=mask_sha256 or "",
        nucleus_sha256=nucleus_sha256 or "",
        pixels=hashlib.sha256(f"{height}x{width}:".encode() + image.tobytes()).hexdigest(),
        picture=picture_digest(image),
        height=height,
        width=width,
        mask_px=area,
        peak=cell.image_file.peak,
        transparent=cell.image_file.transparent,
        ringing=int(segmented and not cell.image_file.lossy and has_ringing(image)),
        rectangle=int(segmented and is_rectangle(cell.mask)),
        turned=int(any(mask.orientation != cell.image_file.orientation for mask in masks if mask is not None)),
        mask_reading=_reading(cell.mask_file),
        nucleus_reading=_reading(cell.nucleus_file),
    )


def failure_reason(error: Exception, file: CellFile) -> str:
    """Return why a cell cannot be read, without its path and id."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename in (None, file.path) else f"{error.strerror}: {error.filename}"
    text = str(error).removeprefix(f"{file.path}: ").removeprefix(f"cell {file.id}: ")
    return text if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {text}"


def _empty(file: CellFile) -> str:
    """Return why a mask has no pixel."""
    if file.mask_path is not None:
        return f"the mask {file.mask_path} is empty"
    if file.mask_by == "smear":
        return "no white cell was detected"
    return f"--mask {file.mask_by} segmented no object that does not touch the frame"


def _reading(mask: ReadMask | None) -> str:
    return "" if mask is None else f"{mask.rule}: {mask.values}"
