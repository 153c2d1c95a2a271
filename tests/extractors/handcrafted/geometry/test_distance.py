"""The distance transform against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from extractors.handcrafted.geometry.distance import squared_distance


def scipys(mask: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(distance_transform_edt(mask) ** 2))


@pytest.mark.parametrize("seed", range(12))
def test_random_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.pad(rng.random(rng.integers(1, 40, 2)) < rng.choice([0.1, 0.5, 0.9, 0.99, 1]), 1)
    np.testing.assert_array_equal(squared_distance(mask), scipys(mask))


def test_shapes(draw: Any) -> None:
    rng = np.random.default_rng(0)
    for mask in (draw.cleft_nucleus(4, 0.35, rng), draw.ellipse(120, 15, 0.5), draw.rectangle(1, 300)):
        np.testing.assert_array_equal(squared_distance(mask), scipys(mask))
