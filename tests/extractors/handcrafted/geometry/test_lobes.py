"""Lobes against erosion step by step."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from extractors.handcrafted.geometry.distance import squared_distance
from extractors.handcrafted.geometry.lobes import count_lobes


def by_erosion(squared: np.ndarray, noise: float) -> tuple[int, float]:
    """The definition itself: components at every distance that occurs, those of them that outlive the noise."""
    distance = np.sqrt(squared)
    most, split = 1, 0.0
    for erosion in np.unique(distance)[:-1]:
        _, labels = cv2.connectedComponents((distance > erosion).astype(np.uint8), connectivity=8)
        parts = len(np.unique(labels[distance > erosion + noise]))
        if parts > 1 and most == 1:
            split = 1 - erosion / distance.max()
        most = max(most, parts)
    return most, split


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("noise", [0.0, 0.7, 2.5])
def test_lobes_are_those_of_every_erosion(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    blurred = cv2.GaussianBlur(rng.random((60, 60)).astype(np.float32), (0, 0), 1 + seed % 5)
    mask = np.pad(blurred > (0.48, 0.5, 0.52)[seed % 3], 1)
    squared = squared_distance(mask)
    assert count_lobes(squared, noise) == pytest.approx(by_erosion(squared, noise), rel=1e-12)


@pytest.mark.parametrize("clefts", [0, 2, 3, 4])
def test_lobes_of_cleft_nuclei(draw: Any, clefts: int) -> None:
    squared = squared_distance(draw.cleft_nucleus(clefts, 0.35, np.random.default_rng(clefts)))
    assert count_lobes(squared, 3.0) == pytest.approx(by_erosion(squared, 3.0), rel=1e-12)


def test_parts_that_stand_apart_split_at_once() -> None:
    mask = np.zeros((30, 60), dtype=bool)
    mask[5:25, 5:25] = mask[10:20, 35:45] = True
    assert count_lobes(squared_distance(mask), 1.0) == (2, 1.0)


def test_one_pixel_is_one_lobe() -> None:
    assert count_lobes(squared_distance(np.pad(np.ones((1, 1), dtype=bool), 1)), 1.0) == (1, 0.0)
