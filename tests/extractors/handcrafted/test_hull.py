"""Convex hulls and widths against SciPy and closed forms."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from extractors.handcrafted.contour import outline, signed_area
from extractors.handcrafted.hull import convex_hull, corner_hull, hull_corners, hull_widths
from extractors.handcrafted.level_lines import level_loops


def test_corner_hull_of_whole_pixels_is_exact(draw: Any) -> None:
    assert abs(signed_area(corner_hull(draw.rectangle(7, 11)))) == 77
    single = np.zeros((3, 3), dtype=bool)
    single[1, 1] = True
    assert abs(signed_area(corner_hull(single))) == 1
    assert corner_hull(np.zeros((3, 3), dtype=bool)).shape == (0, 2)


def test_corner_hull_spans_separate_components() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[1, 1] = mask[10, 1] = mask[1, 10] = mask[10, 10] = True
    assert abs(signed_area(corner_hull(mask))) == 100


@pytest.mark.parametrize("seed", range(20))
def test_corner_hull_is_that_of_all_corners(seed: int) -> None:
    mask = np.random.default_rng(seed).random((15, 22)) < 0.05 + 0.04 * seed
    y, x = np.nonzero(mask)
    corners = np.concatenate([np.stack([x + dx, y + dy], axis=1) for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)])
    assert abs(signed_area(corner_hull(mask))) == pytest.approx(ConvexHull(corners).volume, rel=1e-12)


def test_convex_hull_drops_the_dent() -> None:
    dented = np.array([[0.0, 0], [2, 1], [4, 0], [4, 4], [0, 4]])
    assert abs(signed_area(convex_hull(dented))) == 16


@pytest.mark.parametrize("seed", range(40))
def test_hull_corners_span_scipys_hull(seed: int) -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((60, 60)).astype(np.float32), (0, 0), 1 + seed % 4)
    for loop in level_loops(np.pad(noise, 1), 0.5):
        if signed_area(loop) > 0:
            found = hull_corners(loop)
            assert np.all(np.diff(found) > 0)
            assert signed_area(loop[found]) == pytest.approx(ConvexHull(loop).volume, rel=1e-9)


def test_hull_corners_keep_what_lies_on_an_edge() -> None:
    # A square with a notch in its right side; corners at the notch's lips and amid the left side.
    square = np.array([[0.0, 2], [0, 0], [4, 0], [4, 1], [3, 2], [4, 3], [4, 4], [0, 4]])
    assert hull_corners(square).tolist() == [0, 1, 2, 3, 5, 6, 7]
    for start in range(8):
        assert len(hull_corners(np.roll(square, start, axis=0))) == 7


def test_widths_of_a_triangle() -> None:
    assert hull_widths(np.array([[0.0, 0], [4, 0], [0, 3]])) == pytest.approx((5, 12 / 5), rel=1e-12)


def test_the_hull_of_a_spiral(draw: Any) -> None:
    y, x = np.mgrid[-60:61, -60:61]
    arm = np.abs(np.hypot(x, y) - 8 * (np.arctan2(y, x) + 3.2)) < 4
    for mask in (arm, draw.ellipse(50, 20, 0.7)):
        loop = outline(mask)
        assert loop is not None
        assert signed_area(loop[hull_corners(loop)]) == pytest.approx(ConvexHull(loop).volume, rel=1e-12)
