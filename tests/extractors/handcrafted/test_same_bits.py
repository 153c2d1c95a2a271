"""Features do not depend on where an array happens to lie in memory."""

from __future__ import annotations

import itertools

import numpy as np

from bench.datasets.phantom.reader import PhantomSpec, phantom_cells
from extractors.cells import Cell
from extractors.handcrafted.catalogue import Handcrafted


def test_a_cell_has_the_same_bits_at_every_place_in_memory() -> None:
    images = [image for image, _ in itertools.islice(phantom_cells(PhantomSpec(size=128, seed=5)), 6)]
    first = Handcrafted().transform([Cell(str(i), image) for i, image in enumerate(images)])
    padding = []
    for size in (1, 17, 4099, 32771, 100003, 17):
        padding.append(np.empty(size, dtype=np.uint8))
        again = Handcrafted().transform([Cell(str(i), image) for i, image in enumerate(images)])
        np.testing.assert_array_equal(again.view(np.uint32), first.view(np.uint32))
