"""Depths of pixels against SciPy's distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from extractors.handcrafted.geometry.distance import depths


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
