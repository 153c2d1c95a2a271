"""In-memory cache of transformed images, shared by all folds and inner folds of a process."""

from __future__ import annotations

from typing import Any

from extractors.cells import Cell, CellFile, UInt8Image
from extractors.files.stamps import file_stamp
from extractors.networks.backbones.image_transform import ImageTransform

MAX_BYTES = 256 * 1024 * 1024


class CropCache:
    """Images by cell file and transform; a file that changes is decoded again.

    Parameters
    ----------
    max_bytes : int
        Capacity in bytes of pixels. A full cache neither adds nor evicts, so that repeated passes over more cells than
        fit still hit those that are cached.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._images: dict[Any, UInt8Image] = {}
        self._bytes = 0

    def get(self, file: CellFile, transform: ImageTransform) -> UInt8Image:
        """Return the transformed image of a file.

        Raises
        ------
        OSError, ValueError
            The file is missing, or the cell cannot be read or transformed.
        """
        stamps = tuple(file_stamp(path) for path in (file.path, file.mask_path) if path is not None)
        key = (file, transform, stamps)
        if key not in self._images:
            image = transform(Cell.from_file(file))
            if self._bytes + image.nbytes > self.max_bytes:
                return image
            self._images[key] = image
            self._bytes += image.nbytes
        return self._images[key]
