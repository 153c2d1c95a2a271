"""Test-time augmentation: features averaged over the 8 flips and quarter turns of an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from extractors.networks.inference.engine import InputImage, Row

ELEMENTS = 8
"""Elements of the dihedral group of the square."""


def dihedral_images(images: Iterable[InputImage]) -> Iterator[InputImage]:
    """Yield the 8 flips and quarter turns of each image, shape (side, side, 3), the image itself first."""
    for image in images:
        for element in range(ELEMENTS):
            flipped = image[:, ::-1] if element >= 4 else image
            yield np.ascontiguousarray(np.rot90(flipped, element % 4))


def mean_rows(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the mean of every 8 rows, summed in double precision."""
    remaining = iter(rows)
    while chunk := list(islice(remaining, ELEMENTS)):
        yield np.asarray(np.mean(chunk, axis=0, dtype=np.float64), dtype=np.float32)
