"""Convex hulls and widths against SciPy and closed forms."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from scipy.spatial import ConvexHull

from extractors.handcrafted.geometry.contour import outline, signed_area
from extractors.handcrafted.geometry.hull import convex_hull, corner_hull, hull_corners, hull_widths
from extractors.handcrafted.geometry.level_lines import level_loops
from extractors.handcrafted.geometry.runs import row_runs


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (7, 11)])
def test_corner_hull_of_a_rectangle_is_the_rectangle(draw: Any, height: int, width: int) -> None:
    hull = corner_hull(row_runs(draw.rectangle(height, width)))
    expected = {(x, y) for x in (4.5, 4.5 + width) for y in (4.5, 4.5 + height)}
    assert sorted(map(tuple, hull.tolist())) == sorted(expected)
    assert signed_area(hull) == height * width


def test_corner_hull_spans_separate_components() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[1, 1] = mask[10, 1] = mask[1, 10] = mask[10, 10] = True
    assert signed_area(corner_hull(row_runs(mask))) == 100


@pytest.mark.parametrize("seed", range(8))
def test_corner_hull_is_that_of_all_corners(seed: int) -> None:
    mask = np.pad(np.random.default_rng(seed).random((15, 22)) < 0.05 + 0.04 * seed, 1)
    y, x = np.nonzero(mask)
    corners = np.concatenate([np.stack([x + dx, y + dy], axis=1) for dx in (-0.5, 0.5) for dy in (-0.5, 0.5)])
    peer = ConvexHull(corners)
    ours = corner_hull(row_runs(mask))
    assert signed_area(ours) == pytest.approx(peer.volume, rel=1e-12)
    assert sorted(map(tuple, ours)) == sorted(map(tuple, corners[peer.vertices]))


def test_corner_hull_of_rows_that_end_in_two_runs() -> None:
    mask = np.zeros((6, 20), dtype=bool)
    mask[1, 9] = mask[4, 2:4] = mask[4, 16:18] = True
    hull = corner_hull(row_runs(mask))
    expected = [(8.5, 0.5), (9.5, 0.5), (17.5, 3.5), (17.5, 4.5), (1.5, 4.5), (1.5, 3.5)]
    assert sorted(map(tuple, hull.tolist())) == sorted(expected)


def test_convex_hull_drops_the_dent() -> None:
    dented = np.array([[0.0, 0], [2, 1], [4, 0], [4, 4], [0, 4]])
    assert abs(signed_area(convex_hull(dented))) == 16


@pytest.mark.parametrize("seed", range(12))
def test_hull_corners_span_scipys_hull(seed: int) -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((60, 60)).astype(np.float32), (0, 0), 1 + seed % 4)
    for loop in level_loops(np.pad(noise, 1), 0.5):
        if signed_area(loop) > 0:
            result = hull_corners(loop)
            assert np.all(np.diff(result) > 0)
            assert signed_area(loop[result]) == pytest.approx(ConvexHull(loop).volume, rel=1e-9)


def test_hull_corners_include_vertices_on_an_edge() -> None:
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
