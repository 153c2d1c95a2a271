"""Outlines against closed forms and scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ellipe
from skimage.measure import find_contours

from extractors.handcrafted.contour import (
    convex_hull,
    corner_hull,
    level_loops,
    pixel_contour,
    polygon_length,
    resample,
    signed_area,
    smooth_contour,
)


def ellipse_length(a: float, b: float) -> float:
    return float(4 * a * ellipe(1 - (b / a) ** 2))


@pytest.mark.parametrize("a", [20, 50, 100])
@pytest.mark.parametrize("ratio", [1.0, 0.8, 0.5])
@pytest.mark.parametrize("angle", [0.0, 0.3, 0.7])
def test_smooth_contour_measures_ellipses(draw: Any, a: float, ratio: float, angle: float) -> None:
    contour = smooth_contour(draw.ellipse(a, a * ratio, angle, (0.3, 0.1)))
    assert contour is not None
    assert contour.shape == (256, 2)
    assert polygon_length(contour) == pytest.approx(ellipse_length(a, a * ratio), rel=0.007)
    assert signed_area(contour) == pytest.approx(np.pi * a * a * ratio, rel=0.006 if a * ratio >= 20 else 0.015)


def test_smooth_contour_has_equal_steps_and_lies_where_the_mask_is(draw: Any) -> None:
    contour = smooth_contour(draw.disc(30))
    assert contour is not None
    steps = np.hypot(*(np.roll(contour, -1, axis=0) - contour).T)
    assert steps.max() / steps.min() < 1.02
    np.testing.assert_allclose(np.hypot(*(contour - 34).T), 30, atol=0.6)


def test_a_line_has_no_smooth_contour() -> None:
    line = np.zeros((9, 30), dtype=bool)
    line[4, 4:26] = True
    assert smooth_contour(line) is None


@pytest.mark.parametrize("seed", range(20))
def test_level_loops_are_those_of_scikit_image(seed: int) -> None:
    # Noise has saddles, holes and islands, so every code of the squares occurs.
    values = np.pad(np.random.default_rng(seed).random((14, 17)), 1)
    ours = sorted((abs(signed_area(loop)), polygon_length(loop)) for loop in level_loops(values, 0.5))
    theirs = find_contours(values, 0.5, fully_connected="high")
    expected = sorted((abs(signed_area(c[:-1, ::-1])), polygon_length(c[:-1, ::-1])) for c in theirs)
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)


def test_level_loops_of_a_constant_are_none() -> None:
    assert level_loops(np.zeros((5, 5)), 0.5) == []
    assert level_loops(np.ones((5, 5)), 0.5) == []


def test_pixel_contour_takes_the_largest_component() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:5, 2:5] = True
    mask[8:18, 8:18] = True
    contour = pixel_contour(mask)
    assert contour.min() == 8
    assert contour.max() == 17
    assert len(contour) == 36
    assert pixel_contour(np.zeros((4, 4), dtype=bool)).shape == (0, 2)


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


def test_resample_walks_a_square() -> None:
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    expected = [[0, 0], [2, 0], [4, 0], [4, 2], [4, 4], [2, 4], [0, 4], [0, 2]]
    np.testing.assert_allclose(resample(square, 8), expected)


def test_polygons_have_signed_area_and_length() -> None:
    triangle = np.array([[0.0, 0], [3, 0], [0, 4]])
    assert signed_area(triangle) == 6
    assert signed_area(triangle[::-1]) == -6
    assert polygon_length(triangle) == 12


def test_convex_hull_drops_the_dent() -> None:
    dented = np.array([[0.0, 0], [4, 0], [4, 4], [2, 1], [0, 4]])
    assert abs(signed_area(convex_hull(dented))) == 16
