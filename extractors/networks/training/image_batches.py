"""Mini-batches of cells, decoded, augmented and normalised by threads ahead of the training step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from extractors.arrays import Float32Array, IntpArray
from extractors.cells import Cell
from extractors.networks.image_transform import ImageTransform
from extractors.networks.prefetch import prefetched
from extractors.networks.training.augmentation.augmentation import Augmentation
from extractors.networks.training.channel_statistics import Statistics
from extractors.networks.training.crop_cache import cell_crop
from extractors.networks.training.normalisation import normalise, to_unit_scale
from extractors.networks.training.threads import use_one_thread

if TYPE_CHECKING:
    import torch

Batch = tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]
"""Normalised images float32 (n, 3, height, width), targets int64 (n,) and weights float32 (n,)."""

EpochRows = Callable[[np.random.Generator], npt.ArrayLike]
"""Draws the rows of an epoch, with repetitions for oversampling; the number of rows is the same in every epoch."""

CHUNK = 16
"""Cells that one thread decodes, augments and normalises at a time; augmentation seeds depend on it."""

AHEAD = 2
"""Batches that are ready or in progress beside the one in the training step, with at least one chunk per thread."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Cells of a batch that one thread processes.

    Parameters
    ----------
    rows : ndarray of intp
        The cells.
    batch : ndarray of float32, shape (n, height, width, 3)
        Normalised images of the complete batch, in which the chunk fills the rows from `start` on. An array, because a
        tensor that a consumer allocates in inference mode could not be filled by a thread.
    start : int
    epoch, index : int
        Position of the batch: epoch, and number in the epoch.
    """

    rows: IntpArray
    batch: Float32Array
    start: int
    epoch: int
    index: int


class ImageBatches:
    """Mini-batches: shuffled and augmented with a seed, in order and unchanged without.

    Cells are decoded when their batch is due, so that memory does not grow with their number: it holds the batch of the
    step, `AHEAD` batches more, and the cache of `cell_crop`. Batches of an epoch have equal size up to one cell. None
    of several has a single cell, for which batch norm has no variance: with `batch_size=2`, one may have three. Order
    and augmentation depend on `seed`, epoch and position in the epoch alone: not on earlier epochs, nor on `threads`.

    Parameters
    ----------
    cells : sequence of Cell
    transform : ImageTransform
        The transform of the network.
    targets : array-like of int, shape (n_cells,)
        Class codes from 0.
    weights : array-like of float, shape (n_cells,)
        Weight of each cell in the loss, >= 0.
    batch_size : int
        Largest number of cells in a batch.
    statistics : Statistics
        Channel statistics that normalise the images.
    threads : int
        Number of decoding threads.
    seed : int, optional
        Seed >= 0 of order and augmentation. Default: neither.
    augmentation : Augmentation, optional
        Used with a seed only.
    rows : callable, optional
        Draws the rows of an epoch from a NumPy generator; they are shuffled afterwards. Default: each cell once.

    Attributes
    ----------
    targets : ndarray of int64, shape (n_cells,)
    weights : ndarray of float32, shape (n_cells,)
    waited : float
        Seconds that the consumer has waited for data, over all epochs.

    Raises
    ------
    ValueError
        Lengths differ, or `rows` has no seed.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        transform: ImageTransform,
        targets: npt.ArrayLike,
        weights: npt.ArrayLike,
        *,
        batch_size: int,
        statistics: Statistics,
        threads: int,
        seed: int | None = None,
        augmentation: Augmentation | None = None,
        rows: EpochRows | None = None,
    ) -> None:
        self.targets = np.asarray(targets, dtype=np.int64)
        self.weights = np.asarray(weights, dtype=np.float32)
        if not len(cells) == len(self.targets) == len(self.weights):
            lengths = f"{len(cells)} cells, {len(self.targets)} targets and {len(self.weights)} weights"
            raise ValueError(f"{lengths}; equal numbers are expected")
        if rows is not None and seed is None:
            raise ValueError("rows are drawn from a seed; set seed")
        self._cells = cells
        self._transform = transform
        self._batch_size = batch_size
        self._statistics = statistics
        self._threads = threads
        self._seed = seed
        self._augmentation = augmentation if seed is not None else None
        self._draw = rows
        self._epoch = 0
        self._length = self._n_batches(len(self._order()))
        self.waited = 0.0

    def set_epoch(self, epoch: int) -> None:
        """Select the epoch, >= 0, of the iterations whose first batch is not computed yet."""
        self._epoch = epoch

    @property
    def fill(self) -> torch.Tensor:
        """Normalised padding colour of the transform, float32, shape (3,)."""
        import torch  # noqa: PLC0415 - heavy

        colour = torch.tensor(self._transform.fill, dtype=torch.uint8).reshape(1, 1, 1, 3)
        return normalise(to_unit_scale(colour), self._statistics).flatten()

    def __len__(self) -> int:
        return self._length

    def _n_batches(self, n_rows: int) -> int:
        return min(math.ceil(n_rows / self._batch_size), max(1, n_rows // 2))

    def __iter__(self) -> Iterator[Batch]:
        return self._batches()

    def _batches(self) -> Generator[Batch]:
        """Yield the batches of the epoch that is selected when the first one is computed."""
        import torch  # noqa: PLC0415 - heavy

        if self._augmentation is not None and self._augmentation.components:
            # Before the threads do: concurrent imports of modules that import each other can fail.
            import torchvision.transforms.v2  # noqa: F401, PLC0415 - heavy
        order = self._order()
        parts = np.array_split(order, len(self)) if len(order) else []
        per_batch = math.ceil(self._batch_size / CHUNK)
        chunks = prefetched(
            self._fill,
            self._chunks(parts, self._epoch),
            threads=self._threads,
            ahead=max(AHEAD * per_batch, self._threads) + 1,
            initializer=use_one_thread,
        )
        with closing(chunks):
            for rows in parts:
                start = time.perf_counter()
                *_, batch = islice(chunks, math.ceil(len(rows) / CHUNK))
                self.waited += time.perf_counter() - start
                images = torch.from_numpy(batch).permute(0, 3, 1, 2)
                yield images, torch.from_numpy(self.targets[rows]), torch.from_numpy(self.weights[rows])

    def _order(self) -> IntpArray:
        if self._seed is None:
            return np.arange(len(self._cells))
        rng = np.random.default_rng((self._seed, self._epoch))
        rows = np.arange(len(self._cells)) if self._draw is None else np.asarray(self._draw(rng), dtype=np.intp)
        return np.asarray(rng.permutation(rows), dtype=np.intp)

    def _chunks(self, parts: Sequence[IntpArray], epoch: int) -> Iterator[_Chunk]:
        """Divide batches into chunks; the array of a batch is allocated when its first chunk is due."""
        for index, rows in enumerate(parts):
            batch = np.empty((len(rows), *self._transform.size, 3), dtype=np.float32)
            for start in range(0, len(rows), CHUNK):
                yield _Chunk(rows[start : start + CHUNK], batch, start, epoch, index)

    def _fill(self, chunk: _Chunk) -> Float32Array:
        """Compute the images of a chunk in place, and return the array of their batch."""
        import torch  # noqa: PLC0415 - heavy

        needs_masks = self._augmentation is not None and self._augmentation.needs_masks
        crops = [cell_crop(self._cells, int(row), self._transform, mask=needs_masks) for row in chunk.rows]
        images = torch.from_numpy(np.stack([crop.image for crop in crops]))
        stacked = [crop.mask for crop in crops if crop.mask is not None]
        masks = torch.from_numpy(np.stack(stacked)) if needs_masks else None
        values = normalise(self._augmented(images, masks, chunk), self._statistics)
        torch.from_numpy(chunk.batch)[chunk.start : chunk.start + len(crops)] = values.permute(0, 2, 3, 1)
        return chunk.batch

    def _augmented(self, images: torch.Tensor, masks: torch.Tensor | None, chunk: _Chunk) -> torch.Tensor:
        import torch  # noqa: PLC0415 - heavy

        if self._seed is None or self._augmentation is None:
            return to_unit_scale(images)
        entropy = np.random.SeedSequence((self._seed, chunk.epoch, chunk.index, chunk.start))
        generator = torch.Generator().manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
        strength = self._augmentation.strength(chunk.epoch)
        return self._augmentation(images, masks, generator, strength=strength, fill=self._transform.fill)[0]
