"""Cells: the image and masks of one biological cell, decoded lazily."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from extractors.arrays import BoolArray, UInt8Array
from extractors.preparation.step import Picture, Step
from extractors.segmentation.foreground import foreground_mask
from extractors.segmentation.smear import smear_mask

UInt8Image = UInt8Array


MAX_PIXELS = 64 * 1024 * 1024
"""Size limit of an image in pixels: 8192 x 8192."""

MaskBy = Literal["foreground", "whole", "smear"]

FORMATS = frozenset({"BMP", "PNG", "JPEG", "TIFF"})


@dataclass(frozen=True, slots=True)
class CellFile:
    """Files of a cell and how to read them: an entry of a table of cells, passed between processes.

    Parameters
    ----------
    id : str
        Unique name of the cell in its dataset.
    path : str
        The image: BMP, PNG, JPEG or TIFF; grey, RGB or RGBA; 8 or 16 bit.
    mask_path : str or None
        An image whose non-zero pixels are the cell. None: the mask is made by `mask_by`.
    mask_by : {"foreground", "whole", "smear"}
        Mask without `mask_path`: the foreground of the black-background image, the full frame, or the white blood cell
        in the centre of a smear (`extractors.segmentation.smear`).
    um_per_px : float or None
        Micrometres per pixel.
    white_level : int or None
        The 16-bit value that becomes 255. None: 65535, which is division by 257.
    nucleus_path : str or None
        An image whose non-zero pixels are the nucleus. None: no annotation.
    prepare : tuple of Step
        Preparation of image and masks, in order.
    """

    id: str
    path: str
    mask_path: str | None = None
    mask_by: MaskBy = "foreground"
    um_per_px: float | None = None
    white_level: int | None = None
    nucleus_path: str | None = None
    prepare: tuple[Step, ...] = ()


class Cell:
    """Prepared image and masks of one biological cell, without patient and label.

    Parameters
    ----------
    id : str
        Name of the cell, used in errors.
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width), optional
        True on the cell. Default: the foreground of the black-background image.
    um_per_px : float, optional
        Micrometres per pixel.
    nucleus : ndarray of bool, shape (height, width), optional
        True on the nucleus; pixels outside the cell are dropped. Default: no annotation.

    Raises
    ------
    ValueError
        Image or mask has another type or shape.
    """

    def __init__(
        self,
        id: str,
        image: UInt8Image,
        mask: BoolArray | None = None,
        um_per_px: float | None = None,
        nucleus: BoolArray | None = None,
    ) -> None:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"cell {id}: the image must be uint8 of shape (h, w, 3), not {image.dtype} {image.shape}")
        self._file = CellFile(id, "", um_per_px=um_per_px)
        self._raw_image = image
        if mask is not None:
            self._raw_mask = _checked_mask(id, "mask", mask, image)
        self._raw_nucleus = None if nucleus is None else _checked_mask(id, "nucleus mask", nucleus, image) & self.mask

    @classmethod
    def from_file(cls, file: CellFile) -> Cell:
        """Create a cell that is decoded on first access."""
        cell = cls.__new__(cls)
        cell._file = file
        return cell

    @property
    def id(self) -> str:
        """Name of the cell."""
        return self._file.id

    @property
    def um_per_px(self) -> float | None:
        """Micrometres per pixel, if known."""
        return self._file.um_per_px

    @cached_property
    def image(self) -> UInt8Image:
        """RGB uint8, shape (height, width, 3).

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The image cannot be decoded or prepared.
        """
        return self._prepared.image if self._file.prepare else self._raw_image

    @cached_property
    def mask(self) -> BoolArray:
        """Bool, shape (height, width), True on the cell.

        Raises
        ------
        ValueError
            The mask has another size than its image, or the frame is not black, so that segmentation is impossible.
        """
        return self._prepared.mask if self._file.prepare else self._raw_mask

    @cached_property
    def nucleus(self) -> BoolArray | None:
        """Annotated nucleus: bool, shape (height, width), inside the cell; None without annotation.

        All False means that the cell has no nucleus. `extractors.segmentation.nucleus` segments nuclei without
        annotation.

        Raises
        ------
        ValueError
            The mask has another size than its image, or is outside the cell.
        """
        return self._prepared.nucleus if self._file.prepare else self._raw_nucleus

    @cached_property
    def _prepared(self) -> Picture:
        picture = Picture(self._raw_image, self._raw_mask, self._raw_nucleus)
        for step in self._file.prepare:
            try:
                picture = step(picture)
            except ValueError as error:
                raise ValueError(f"cell {self.id}: {step}: {error}") from error
        return picture

    @cached_property
    def _raw_image(self) -> UInt8Image:
        return read_image(Path(self._file.path), white_level=self._file.white_level)

    @cached_property
    def _raw_mask(self) -> BoolArray:
        file = self._file
        if file.mask_path is not None:
            return _checked_mask(self.id, "mask", read_mask(Path(file.mask_path)), self._raw_image)
        if file.mask_by == "whole":
            return np.ones(self._raw_image.shape[:2], dtype=np.bool_)
        if file.mask_by == "smear":
            return smear_mask(self._raw_image)
        try:
            return foreground_mask(self._raw_image, lossy=bool(file.path) and is_lossy(Path(file.path)))
        except ValueError as error:
            raise ValueError(f"{file.path or self.id}: {error}") from error

    @cached_property
    def _raw_nucleus(self) -> BoolArray | None:
        if self._file.nucleus_path is None:
            return None
        nucleus = _checked_mask(self.id, "nucleus mask", read_mask(Path(self._file.nucleus_path)), self._raw_image)
        inside = nucleus & self._raw_mask
        if nucleus.any() and not inside.any():
            raise ValueError(f"cell {self.id}: the nucleus mask {self._file.nucleus_path} is outside the cell")
        return inside

    def __repr__(self) -> str:
        return f"Cell({self.id!r})"


class Cells(Sequence[Cell]):
    """Sequence of cells on disk; each access creates a new cell, so that decoded pixels do not accumulate.

    Parameters
    ----------
    files : iterable of CellFile
        One entry per cell.
    """

    def __init__(self, files: Iterable[CellFile]) -> None:
        self.files = tuple(files)

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> Cells: ...
    def __getitem__(self, index: int | slice) -> Cell | Cells:
        if isinstance(index, slice):
            return Cells(self.files[index])
        return Cell.from_file(self.files[index])

    def take(self, indices: Iterable[int]) -> Cells:
        """Select cells by position, in the order of `indices`."""
        return Cells(self.files[i] for i in indices)


def read_image(path: Path, *, white_level: int | None = None) -> UInt8Image:
    """Read an image as RGB uint8, shape (height, width, 3).

    16-bit values are scaled so that `white_level` (default 65535) becomes 255; grey is replicated, alpha dropped.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is not a BMP, PNG, JPEG or TIFF, is damaged, or has several pages or more than `MAX_PIXELS` pixels.
    """
    pixels = _decode(path)
    if pixels.dtype == np.uint16:
        scaled = pixels.astype(np.float32) * (255.0 / (white_level or 65535))
        pixels = np.rint(np.minimum(scaled, 255.0)).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ValueError(f"{path}: pixels of type {pixels.dtype}; 8 or 16 bit unsigned is expected")
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}.get(channels)
    if code is None:
        raise ValueError(f"{path}: {channels} channels; grey, RGB or RGBA is expected")
    return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)


def read_mask(path: Path) -> BoolArray:
    """Read a mask: bool, shape (height, width), True for pixels that are non-zero in any colour channel."""
    pixels = _decode(path)
    if pixels.ndim == 3:
        pixels = pixels[..., : min(3, pixels.shape[2])].max(axis=2)
    return np.asarray(pixels != 0)


def is_lossy(path: Path) -> bool:
    """Whether the file contains JPEG-compressed pixels, whose black is not exactly 0."""
    with Image.open(path) as header:
        return header.format == "JPEG" or header.info.get("compression") == "jpeg"


def verify_image(path: Path) -> tuple[int, int]:
    """Decode every byte of an image and return its (height, width).

    Stricter than `read_image`, whose decoder fills the missing pixels of a truncated file; used once when a dataset is
    loaded.

    Raises
    ------
    OSError, ValueError
        As for `read_image`, and for a truncated file.
    """
    data = path.read_bytes()
    width, height = _check_header(path, data)
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: damaged image ({error})") from error
    return height, width


def _decode(path: Path) -> npt.NDArray[np.generic]:
    data = path.read_bytes()
    _check_header(path, data)
    pixels = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{path}: damaged image")
    return np.asarray(pixels)


def _check_header(path: Path, data: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
            image_format, pages = header.format, getattr(header, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: not a readable image (BMP, PNG, JPEG or TIFF)") from error
    if image_format not in FORMATS:
        raise ValueError(f"{path}: a {image_format} file; BMP, PNG, JPEG or TIFF is expected")
    if width * height > MAX_PIXELS:
        raise ValueError(f"{path}: {width} x {height} pixels; a cell may have at most {MAX_PIXELS}")
    if pages != 1:
        raise ValueError(f"{path}: {pages} pages; one cell per file is expected")
    return width, height


def _checked_mask(id: str, name: str, mask: BoolArray, image: UInt8Image) -> BoolArray:
    if mask.shape != image.shape[:2]:
        raise ValueError(f"cell {id}: the {name} is {mask.shape}, its image {image.shape[:2]} (height, width)")
    return mask.astype(np.bool_, copy=False)
