"""Mean and standard deviation of the colour channels of transformed cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from extractors.arrays import Float32Array, Int64Array
from extractors.cells import Cell
from extractors.networks.image_transform import ImageTransform
from extractors.networks.prefetch import prefetched
from extractors.networks.training.crop_cache import cell_crop

Statistics = tuple[Float32Array, Float32Array]
"""Mean and standard deviation of each colour channel on the scale 0 to 1, shape (3,) each."""

AHEAD = 4
"""Cells per thread that are ready or in progress."""


def channel_statistics(cells: Sequence[Cell], transform: ImageTransform, *, threads: int = 1) -> Statistics:
    """Compute the mean and standard deviation of each colour channel over all pixels of the transformed cells.

    Memory does not depend on the number of cells, and the result depends neither on their order nor on `threads`.

    Parameters
    ----------
    cells : sequence of Cell
        At least one: the training part.
    transform : ImageTransform
    threads : int
        Number of decoding threads.

    Returns
    -------
    mean, std : ndarray of float32, shape (3,)
        On the scale 0 to 1. The standard deviation of a constant channel is 1, so that dividing by it is safe.

    Raises
    ------
    OSError, ValueError
        A cell cannot be read or transformed; the message names it.
    """

    def histogram(index: int) -> Int64Array:
        image = cell_crop(cells, index, transform).image
        return np.stack([np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)])

    counts = np.zeros((3, 256), dtype=np.int64)
    for cell_counts in prefetched(histogram, range(len(cells)), threads=threads, ahead=AHEAD * threads):
        counts += cell_counts
    levels = np.arange(256) / 255.0
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    variance = (shares * (levels[None, :] - mean[:, None]) ** 2).sum(axis=1)
    std = np.where(variance > 0, np.sqrt(variance), 1.0)
    return mean.astype(np.float32), std.astype(np.float32)
