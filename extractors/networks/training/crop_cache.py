"""Square crops that this process has already decoded: every fold and inner fold asks for the same cells again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extractors.cells import CellFile, UInt8Image
from extractors.files.stamps import file_stamp

BYTES = 256 * 1024 * 1024


class CropMemory:
    """Crops by what they were made from; a file that changes is decoded again.

    Parameters
    ----------
    budget : int
        Bytes of pixels to hold. Once they are full nothing more is added and nothing thrown out, so that passes over
        more cells than fit still find those that do.
    """

    def __init__(self, budget: int = BYTES) -> None:
        self.budget = budget
        self._crops: dict[Any, UInt8Image] = {}
        self._held = 0

    def crop(self, file: CellFile, size: int, make: Callable[[], UInt8Image]) -> UInt8Image:
        """The crop of `file` at `size`, from memory or else from `make`.

        Raises
        ------
        OSError
            The file is gone.
        """
        stamps = tuple(file_stamp(path) for path in (file.path, file.mask_path) if path is not None)
        key = (file, size, stamps)
        if key not in self._crops:
            crop = make()
            if self._held + crop.nbytes > self.budget:
                return crop
            self._crops[key] = crop
            self._held += crop.nbytes
        return self._crops[key]
