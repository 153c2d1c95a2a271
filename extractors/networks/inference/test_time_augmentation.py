"""A feature of an image however it lies: the mean over the 8 flips and quarter turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from extractors.networks.inference.engine import Row, Shown

TURNS = 8
"""Elements of the dihedral group of the square."""


def turned(images: Iterable[Shown]) -> Iterator[Shown]:
    """Each image, shape (side, side, 3), in its 8 positions one after another, itself first."""
    for image in images:
        for element in range(TURNS):
            mirrored = image[:, ::-1] if element >= 4 else image
            yield np.ascontiguousarray(np.rot90(mirrored, element % 4))


def averaged(rows: Iterable[Row]) -> Iterator[Row]:
    """The mean of each 8 rows, summed in double precision."""
    remaining = iter(rows)
    while eight := list(islice(remaining, TURNS)):
        yield np.asarray(np.mean(eight, axis=0, dtype=np.float64), dtype=np.float32)
