"""A cell: one image of one biological cell and its masks, decoded when they are looked at."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from extractors.preparation.step import Picture, Step
from extractors.segmentation.foreground import foreground_mask
from extractors.segmentation.smear import smear_mask

UInt8Image = npt.NDArray[np.uint8]
BoolMask = npt.NDArray[np.bool_]

MAX_PIXELS = 64 * 1024 * 1024
"""Largest image, in pixels, that is decoded: a single cell of 8192 x 8192."""

MaskBy = Literal["foreground", "whole", "smear"]

FORMATS = frozenset({"BMP", "PNG", "JPEG", "TIFF"})


@dataclass(frozen=True, slots=True)
class CellFile:
    """Where a cell lies and how it is to be read; what a table of cells holds and what travels between processes.

    Parameters
    ----------
    id : str
        Unique name of the cell in its data set.
    path : str
        The image: BMP, PNG, JPEG or TIFF; grey, RGB or RGBA; 8 or 16 bit.
    mask_path : str or None
        An image whose non-zero pixels are the cell. None: `mask_by` says what is.
    mask_by : {"foreground", "whole", "smear"}
        What is the cell where `mask_path` names no mask: the foreground of the black-background image, the whole frame,
        or the white cell in the middle of a smear (`extractors.segmentation.smear`).
    um_per_px : float or None
        Micrometres per pixel.
    white_level : int or None
        The 16-bit value that becomes 255. None: 65535, which is division by 257.
    nucleus_path : str or None
        An image whose non-zero pixels are the nucleus. None: nobody has drawn it.
    prepare : tuple of Step
        What is done to image and masks, in order, before anybody sees them.
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
    """One image of one biological cell, prepared as its file says. It carries no patient and no label.

    Parameters
    ----------
    id : str
        Name of the cell; errors are reported under it.
    image : ndarray of uint8, shape (height, width, 3)
        RGB.
    mask : ndarray of bool, shape (height, width), optional
        True on the cell. Default: the foreground of the black-background image.
    um_per_px : float, optional
        Micrometres per pixel.
    nucleus : ndarray of bool, shape (height, width), optional
        True on the nucleus; what lies outside the cell is dropped. Default: nobody has drawn it.

    Raises
    ------
    ValueError
        Image or mask of another type or shape.
    """

    def __init__(
        self,
        id: str,
        image: UInt8Image,
        mask: BoolMask | None = None,
        um_per_px: float | None = None,
        nucleus: BoolMask | None = None,
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
        """A cell that is decoded when its image or mask is first asked for."""
        cell = cls.__new__(cls)
        cell._file = file
        return cell

    @property
    def id(self) -> str:
        """Name of the cell."""
        return self._file.id

    @property
    def um_per_px(self) -> float | None:
        """Micrometres per pixel, where known."""
        return self._file.um_per_px

    @cached_property
    def image(self) -> UInt8Image:
        """RGB uint8, shape (height, width, 3).

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is no image that can be decoded, or cannot be prepared.
        """
        return self._prepared.image if self._file.prepare else self._raw_image

    @cached_property
    def mask(self) -> BoolMask:
        """Bool, shape (height, width), True on the cell.

        Raises
        ------
        ValueError
            The mask has another size than its image, or none can be found: the frame is not black.
        """
        return self._prepared.mask if self._file.prepare else self._raw_mask

    @cached_property
    def nucleus(self) -> BoolMask | None:
        """The nucleus that the user gave: bool, shape (height, width), inside the cell; None where none was given.

        All False says that the cell has none. `extractors.segmentation.nucleus` looks for one that nobody has drawn.

        Raises
        ------
        ValueError
            The mask has another size than its image, or lies outside the cell.
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
    def _raw_mask(self) -> BoolMask:
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
    def _raw_nucleus(self) -> BoolMask | None:
        if self._file.nucleus_path is None:
            return None
        drawn = _checked_mask(self.id, "nucleus mask", read_mask(Path(self._file.nucleus_path)), self._raw_image)
        inside = drawn & self._raw_mask
        if drawn.any() and not inside.any():
            raise ValueError(f"cell {self.id}: the nucleus mask {self._file.nucleus_path} lies outside the cell")
        return inside

    def __repr__(self) -> str:
        return f"Cell({self.id!r})"


class Cells(Sequence[Cell]):
    """Cells on disk as a sequence; each access makes a fresh cell, so that decoded pixels are not kept.

    Parameters
    ----------
    files : iterable of CellFile
        One entry a cell.
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

    def __iter__(self) -> Iterator[Cell]:
        return map(Cell.from_file, self.files)

    def take(self, indices: Iterable[int]) -> Cells:
        """The cells at the given positions, in that order."""
        return Cells(self.files[i] for i in indices)


def read_image(path: Path, *, white_level: int | None = None) -> UInt8Image:
    """Read an image as RGB uint8, shape (height, width, 3).

    16-bit values are scaled so that `white_level` (default 65535) becomes 255; grey is replicated, alpha dropped.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no BMP, PNG, JPEG or TIFF, has several pages, more than `MAX_PIXELS` pixels, or is damaged.
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


def read_mask(path: Path) -> BoolMask:
    """Read an image whose non-zero pixels (in any colour channel) are meant: bool, shape (height, width)."""
    pixels = _decode(path)
    if pixels.ndim == 3:
        pixels = pixels[..., : min(3, pixels.shape[2])].max(axis=2)
    return np.asarray(pixels != 0)


def is_lossy(path: Path) -> bool:
    """Whether the file holds JPEG-compressed pixels, whose black is not exactly 0."""
    with Image.open(path) as header:
        return header.format == "JPEG" or header.info.get("compression") == "jpeg"


def verify_image(path: Path) -> tuple[int, int]:
    """Decode every byte of an image and return its (height, width).

    Stricter than `read_image`, whose decoder fills what a cut-off file lacks; for the one check when a data set is
    opened.

    Raises
    ------
    OSError, ValueError
        As `read_image`, and for a file that ends too early.
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
            kind, pages = header.format, getattr(header, "n_frames", 1)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: {error}") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: not an image that can be read (BMP, PNG, JPEG or TIFF)") from error
    if kind not in FORMATS:
        raise ValueError(f"{path}: a {kind} file; BMP, PNG, JPEG or TIFF is expected")
    if width * height > MAX_PIXELS:
        raise ValueError(f"{path}: {width} x {height} pixels; a cell may have at most {MAX_PIXELS}")
    if pages != 1:
        raise ValueError(f"{path}: {pages} pages; one cell a file is expected")
    return width, height


def _checked_mask(id: str, name: str, mask: BoolMask, image: UInt8Image) -> BoolMask:
    if mask.shape != image.shape[:2]:
        raise ValueError(f"cell {id}: the {name} is {mask.shape}, its image {image.shape[:2]} (height, width)")
    return mask.astype(np.bool_, copy=False)
