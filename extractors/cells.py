"""Cells: the image and masks of one biological cell, decoded lazily."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

import numpy as np

from extractors.arrays import BoolArray, UInt8Array
from extractors.images.masks import ReadMask, read_mask
from extractors.images.pixels import ReadImage, load_image
from extractors.preparation.step import Picture, Step
from extractors.segmentation.foreground import foreground_mask
from extractors.segmentation.smear import smear_mask
from extractors.segmentation.threshold import ThresholdMask

UInt8Image = UInt8Array

MaskBy = Literal["foreground", "whole", "smear"] | ThresholdMask


@dataclass(frozen=True, slots=True)
class CellFile:
    """Files of a cell and how to read them: an entry of a table of cells, passed between processes.

    Parameters
    ----------
    id : str
        Unique name of the cell in its dataset.
    path : str
        The image (`extractors.images.pixels.load_image`).
    mask_path : str or None
        An image of the mask (`extractors.images.masks.read_mask`). None: the mask is made by `mask_by`.
    mask_by : {"foreground", "whole", "smear"} or ThresholdMask
        Mask without `mask_path`: the foreground of the black-background image, the full frame, the white blood cell in
        the centre of a smear (`extractors.segmentation.smear`), or the stained object in the centre beyond a threshold
        (`extractors.segmentation.threshold`).
    um_per_px : float or None
        Micrometres per pixel.
    white_level : int or None
        The 16-bit value that becomes 255. None: 65535, which is division by 257.
    nucleus_path : str or None
        An image of the mask of the nucleus. None: no annotation.
    mask_values, nucleus_values : str or None
        Values of the mask files that are the cell and the nucleus (`extractors.images.masks.validated_mask_values`).
        None: decided by the values of each file.
    prepare : tuple of Step
        Preparation of image and masks, in order.
    sha256, mask_sha256, nucleus_sha256 : str or None
        Digests of the files when they were scanned; a file with other bytes is not decoded. None: not compared.
    """

    id: str
    path: str
    mask_path: str | None = None
    mask_by: MaskBy = "foreground"
    um_per_px: float | None = None
    white_level: int | None = None
    nucleus_path: str | None = None
    mask_values: str | None = None
    nucleus_values: str | None = None
    prepare: tuple[Step, ...] = ()
    sha256: str | None = None
    mask_sha256: str | None = None
    nucleus_sha256: str | None = None


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
            The image cannot be decoded or prepared, or a file has changed since it was scanned.
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
    def image_file(self) -> ReadImage:
        """The decoded image file, before preparation."""
        return load_image(Path(self._file.path), white_level=self._file.white_level, sha256=self._file.sha256)

    @cached_property
    def mask_file(self) -> ReadMask | None:
        """The decoded mask file, before preparation; None without a file."""
        return self._read_mask(self._file.mask_path, self._file.mask_values, self._file.mask_sha256)

    @cached_property
    def nucleus_file(self) -> ReadMask | None:
        """The decoded mask file of the nucleus, before preparation; None without a file."""
        return self._read_mask(self._file.nucleus_path, self._file.nucleus_values, self._file.nucleus_sha256)

    def _read_mask(self, path: str | None, values: str | None, sha256: str | None) -> ReadMask | None:
        return None if path is None else read_mask(Path(path), values, shape=self._raw_image.shape[:2], sha256=sha256)

    @cached_property
    def _raw_image(self) -> UInt8Image:
        return self.image_file.image

    @cached_property
    def _raw_mask(self) -> BoolArray:
        file = self._file
        if self.mask_file is not None:
            return self.mask_file.mask
        if file.mask_by == "whole":
            return np.ones(self._raw_image.shape[:2], dtype=np.bool_)
        if file.mask_by == "smear":
            return smear_mask(self._raw_image)
        if isinstance(file.mask_by, ThresholdMask):
            return file.mask_by(self._raw_image)
        try:
            return foreground_mask(self._raw_image, lossy=bool(file.path) and self.image_file.lossy)
        except ValueError as error:
            raise ValueError(f"{file.path or self.id}: {error}") from error

    @cached_property
    def _raw_nucleus(self) -> BoolArray | None:
        if self.nucleus_file is None:
            return None
        nucleus = self.nucleus_file.mask
        inside = nucleus & self._raw_mask
        if 2 * np.count_nonzero(inside) < np.count_nonzero(nucleus):
            raise ValueError(f"cell {self.id}: the nucleus mask {self._file.nucleus_path} is mostly outside the cell")
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


def _checked_mask(id: str, name: str, mask: BoolArray, image: UInt8Image) -> BoolArray:
    if mask.shape != image.shape[:2]:
        raise ValueError(f"cell {id}: the {name} is {mask.shape}, its image {image.shape[:2]} (height, width)")
    return mask.astype(np.bool_, copy=False)
