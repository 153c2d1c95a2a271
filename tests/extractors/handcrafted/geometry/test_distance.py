"""Distance transform and depths against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from extractors.handcrafted.geometry.distance import depths, squared_distance


def scipys(mask: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(distance_transform_edt(mask) ** 2))


@pytest.mark.parametrize("seed", range(12))
def test_random_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.pad(rng.random(rng.integers(1, 40, 2)) < rng.choice([0.1, 0.5, 0.9, 0.99, 1]), 1)
    np.testing.assert_array_equal(squared_distance(mask), scipys(mask))


@pytest.mark.parametrize("seed", range(4))
def test_large_masks_are_exact(seed: int) -> None:
    # A distance far above the exact range of single precision: 4,500 px in one direction.
    mask = np.pad(np.random.default_rng(seed).random((9, 4500)) < 0.9997, 1)
    np.testing.assert_array_equal(squared_distance(mask), scipys(mask))


def test_shapes(draw: Any) -> None:
    rng = np.random.default_rng(0)
    for mask in (draw.cleft_nucleus(4, 0.35, rng), draw.ellipse(120, 15, 0.5), draw.rectangle(1, 300)):
        np.testing.assert_array_equal(squared_distance(mask), scipys(mask))


@pytest.mark.parametrize("seed", range(8))
def test_largest_mean_and_median_are_those_of_all_pixels(seed: int) -> None:
    mask = np.pad(np.random.default_rng(seed).random((25, 31 + seed)) < 0.85, 1)
    distance = distance_transform_edt(mask)
    inside = distance[mask]
    result = depths(np.rint(distance**2).astype(np.int32))
    assert result == pytest.approx((inside.max(), inside.mean(), np.median(inside)), rel=1e-12)


def test_the_median_of_an_even_number_is_the_middle_of_two() -> None:
    squared = np.array([[0, 1, 1, 4, 9, 0]], dtype=np.int32)
    assert depths(squared) == pytest.approx((3, 7 / 4, 3 / 2))


def test_one_pixel() -> None:
    assert depths(np.array([[1]], dtype=np.int32)) == (1, 1, 1)
