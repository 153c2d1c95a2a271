"""Box counting against a search over all grids, and on outlines of known dimension."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from extractors.handcrafted.geometry.fractal import BOXES, box_dimension, fewest_boxes


def koch_snowflake(size: float, depth: int) -> np.ndarray:
    corners = np.exp(2j * np.pi * (np.array([0, 1, 2]) / 3 + 0.05))
    for _ in range(depth):
        third = (np.roll(corners, -1) - corners) / 3
        tips = corners + third * (1 + np.exp(1j * np.pi / 3))
        corners = np.stack([corners, corners + third, tips, corners + 2 * third], axis=1).ravel()
    mask = np.zeros((int(2.4 * size),) * 2, dtype=np.uint8)
    points = np.stack([corners.real, corners.imag], axis=1) * size + 1.2 * size
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    return mask.astype(bool)


@pytest.mark.parametrize("shape", [(30, 41), (16, 16), (50, 33), (3, 70), (530, 4)])
def test_no_grid_needs_fewer_boxes(shape: tuple[int, int]) -> None:
    mask = np.pad(np.random.default_rng(0).random(shape) > 0.6, 1)
    outside = ~mask
    beside = np.roll(outside, 1, 0) | np.roll(outside, -1, 0) | np.roll(outside, 1, 1) | np.roll(outside, -1, 1)
    y, x = np.nonzero(mask & beside)
    for side, result in zip(BOXES, fewest_boxes(mask), strict=True):
        grids = [(down, right) for down in range(side) for right in range(side)]
        counts = [len(set(zip((y + down) // side, (x + right) // side, strict=True))) for down, right in grids]
        assert result == min(counts)


@pytest.mark.parametrize("radius", [20, 30, 50, 70, 100])
def test_smooth_outlines_have_dimension_one(draw: Any, radius: int) -> None:
    result = [
        box_dimension(draw.ellipse(radius * 1.3, radius, angle, (angle / 7, 0.2))) for angle in (0.0, 0.4, 0.8, 2)
    ]
    assert np.mean(result) == pytest.approx(1, abs=0.04)
    assert min(result) > 0.94
    assert max(result) < (1.09 if radius == 20 else 1.06)


def test_a_straight_border_has_dimension_one(draw: Any) -> None:
    assert box_dimension(draw.rectangle(1, 512)) == pytest.approx(1, abs=1e-12)


def test_koch_s_snowflake_has_log_4_over_log_3() -> None:
    # Its smallest side is 1.4 px here, so that the four box sizes lie within its self-similar range.
    assert box_dimension(koch_snowflake(200, 5)) == pytest.approx(np.log(4) / np.log(3), abs=0.05)


def test_a_chessboard_is_border_everywhere() -> None:
    board = np.indices((128, 128)).sum(axis=0) % 2 == 0
    assert box_dimension(board) == pytest.approx(2, abs=0.02)
