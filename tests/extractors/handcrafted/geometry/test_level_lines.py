"""Level lines against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import find_contours

from extractors.handcrafted.geometry.contour import polygon_length, signed_area
from extractors.handcrafted.geometry.level_lines import level_loops


@pytest.mark.parametrize("seed", range(8))
def test_level_loops_are_those_of_scikit_image(seed: int) -> None:
    # Noise has saddles, holes and islands, so every code of the squares occurs.
    values = np.pad(np.random.default_rng(seed).random((14, 17), dtype=np.float32), 1)
    ours = sorted((signed_area(loop), polygon_length(loop)) for loop in level_loops(values, 0.5))
    theirs = find_contours(values.astype(np.float64), 0.5, fully_connected="high")
    expected = sorted((signed_area(c[:-1, ::-1]), polygon_length(c[:-1, ::-1])) for c in theirs)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)


def test_a_hole_has_negative_area() -> None:
    ring = np.pad(np.ones((5, 5), dtype=np.float32), 1)
    ring[3, 3] = 0
    # Each corner is cut by half a pixel; the hole is a diamond of half a pixel around its centre.
    assert sorted(signed_area(loop) for loop in level_loops(ring, 0.5)) == [-0.5, 24.5]


def test_a_constant_has_no_loops() -> None:
    assert level_loops(np.zeros((5, 5), dtype=np.float32), 0.5) == []
