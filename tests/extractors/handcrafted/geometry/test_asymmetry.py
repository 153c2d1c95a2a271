"""Asymmetry of shapes for which it is known, and against the sum over pixels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from extractors.handcrafted.geometry.asymmetry import asymmetry
from extractors.handcrafted.geometry.runs import row_runs


def of(mask: np.ndarray) -> float:
    rows, columns = np.nonzero(mask)
    return asymmetry(row_runs(mask), np.array([columns.mean(), rows.mean()]))


def test_a_triangle_lacks_a_third() -> None:
    # A triangle and its mirror image about the centroid share a hexagon of two thirds of the area.
    y, x = np.mgrid[:300, :300]
    assert of((x + y < 280) & (x > 5) & (y > 5)) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("columns", [1, 2, 3, 7])
def test_a_block_lacks_nothing(columns: int) -> None:
    assert of(np.pad(np.ones((4, columns), dtype=bool), 1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_the_sum_over_pixels_with_linear_interpolation_is_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.pad(rng.random((19, 26)) < rng.choice([0.1, 0.5, 0.9]), 1)
    rows, columns = np.nonzero(mask)
    opposite = np.array([2 * rows.mean() - rows, 2 * columns.mean() - columns])
    partners = map_coordinates(mask.astype(float), opposite, order=1, mode="constant").mean()
    assert of(mask) == pytest.approx(1 - partners, abs=1e-12)
