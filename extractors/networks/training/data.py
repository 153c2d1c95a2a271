"""Training data: the transformed images of cells as one uint8 array, and mini-batches from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from extractors.arrays import Float32Array, Int64Array, UInt8Array
from extractors.cells import Cell, CellFile, Cells
from extractors.files.stamps import file_stamp
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.backbones.resize_crop import ResizeCrop
from extractors.networks.training.augmentation import CellAugmentation, to_unit_scale

if TYPE_CHECKING:
    import torch

ImageTransform = MaskCrop | ResizeCrop
"""Hashable transforms from a cell to the input image of a network: equal ones give equal pixels."""

Statistics = tuple[Float32Array, Float32Array]
"""Mean and standard deviation of each colour channel on the scale 0 to 1."""

Batch = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]
"""Normalised images (n, 3, height, width), targets (n,) and weights (n,)."""

MAX_CACHED_BYTES = 256 * 1024 * 1024


class CropCache:
    """Images by cell file and transform, shared by all folds of a process; a file that changes is decoded again.

    Parameters
    ----------
    max_bytes : int
        Capacity in bytes of pixels. A full cache neither adds nor evicts, so that repeated passes over more cells than
        fit still hit those that are cached.
    """

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self.max_bytes = max_bytes
        self._images: dict[Any, UInt8Array] = {}
        self._bytes = 0

    def get(self, file: CellFile, transform: ImageTransform) -> UInt8Array:
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


_cache = CropCache()


@dataclass(frozen=True, slots=True)
class LabelledPixels:
    """Images with targets and weights.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (n, height, width, 3)
    targets : ndarray of int64, shape (n,)
        Class codes from 0.
    weights : ndarray of float32, shape (n,)
        Weight of each cell in the loss, >= 0, with a positive sum.
    """

    pixels: UInt8Array
    targets: Int64Array
    weights: Float32Array


def pixel_stack(cells: Sequence[Cell], transform: ImageTransform, *, threads: int = 1) -> UInt8Array:
    """Transform every cell, in the order of `cells`.

    Images of plain files (`Cells`) are cached by this process, up to 256 MiB.

    Parameters
    ----------
    cells : sequence of Cell
    transform : ImageTransform
        The transform of the network that the pixels are for.
    threads : int
        Number of decoding threads.

    Returns
    -------
    ndarray of uint8, shape (n_cells, *transform.size, 3)
        RGB.

    Raises
    ------
    OSError, ValueError
        A cell cannot be read or transformed; the message names the first one.
    """
    stack = np.empty((len(cells), *transform.size, 3), dtype=np.uint8)

    def fill(index: int) -> None:
        # A subclass of `Cells` may change the pixels of its files, so only `Cells` itself is cached by file.
        if type(cells) is Cells:
            stack[index] = _cache.get(cells.files[index], transform)
        else:
            stack[index] = transform(cells[index])

    with ThreadPoolExecutor(max_workers=threads) as pool:
        for _ in pool.map(fill, range(len(cells))):
            pass
    return stack


def channel_statistics(stack: UInt8Array) -> Statistics:
    """Compute the mean and standard deviation of each colour channel over all pixels, on the scale 0 to 1.

    Parameters
    ----------
    stack : ndarray of uint8, shape (n, height, width, 3)

    Returns
    -------
    mean, std : ndarray of float32, shape (3,)
        The standard deviation of a constant channel is 1, so that dividing by it is safe.
    """
    levels = np.arange(256) / 255.0
    counts = np.stack([np.bincount(stack[..., channel].ravel(), minlength=256) for channel in range(3)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    variance = (shares * (levels[None, :] - mean[:, None]) ** 2).sum(axis=1)
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return mean.astype(np.float32), std.astype(np.float32)


def normalise(images: torch.Tensor, statistics: Statistics) -> torch.Tensor:
    """Convert images (n, height, width, 3) on the scale 0 to 1 to (images - mean) / standard deviation.

    Returns
    -------
    Tensor of float32, shape (n, 3, height, width)
        Channels last in memory.
    """
    import torch  # noqa: PLC0415 - heavy

    mean, std = map(torch.tensor, statistics)
    return ((images - mean) / std).permute(0, 3, 1, 2)


class Batches:
    """Mini-batches from memory: shuffled and augmented with a seed, in order and unchanged without.

    Parameters
    ----------
    cells : LabelledPixels
    statistics : Statistics
        They normalise the pixels.
    batch_size : int
        Largest number of cells in a batch.
    augmentation : CellAugmentation, optional
        Used with a seed only.
    seed : int, optional
        Of order and augmentation.
    """

    def __init__(
        self,
        cells: LabelledPixels,
        statistics: Statistics,
        batch_size: int,
        *,
        augmentation: CellAugmentation | None = None,
        seed: int | None = None,
    ) -> None:
        import torch  # noqa: PLC0415 - heavy

        self._cells = [torch.from_numpy(values) for values in (cells.pixels, cells.targets, cells.weights)]
        self._n = len(cells.targets)
        self._statistics = statistics
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return math.ceil(self._n / self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        import torch  # noqa: PLC0415 - heavy

        shuffled = self._generator is not None
        order = torch.randperm(self._n, generator=self._generator) if shuffled else torch.arange(self._n)
        # Batches of equal size, so that none has a single cell, for which batch norm has no variance.
        for rows in torch.tensor_split(order, len(self)):
            pixels, targets, weights = (values[rows] for values in self._cells)
            yield normalise(self._images(pixels), self._statistics), targets, weights

    def _images(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._generator is None or self._augmentation is None:
            return to_unit_scale(pixels)
        return self._augmentation(pixels, self._generator)
