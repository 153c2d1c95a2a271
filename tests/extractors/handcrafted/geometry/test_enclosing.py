"""Smallest rectangle and circle against closed forms, exhaustive search and OpenCV."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
import pytest

from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.geometry.enclosing import smallest_circle, smallest_rectangle


def turned(points: Any, angle: float) -> np.ndarray:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(points, dtype=float) @ turn


def hull_of(seed: int, count: int = 30) -> np.ndarray:
    points = np.random.default_rng(seed).integers(0, 60, (count, 2)) + 0.5
    return np.asarray(cv2.convexHull(points.astype(np.float32)), dtype=float).reshape(-1, 2)


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.2, 2.5])
def test_a_rectangle_is_its_own(angle: float) -> None:
    corners = turned([[0, 0], [7, 0], [7, 3], [0, 3]], angle)
    assert smallest_rectangle(corners) == pytest.approx((7, 3), rel=1e-12)
    assert smallest_circle(corners) == pytest.approx(np.hypot(7, 3) / 2, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_no_angle_gives_a_smaller_rectangle(seed: int) -> None:
    hull = hull_of(seed)
    areas = [np.prod(np.ptp(turned(hull, angle), axis=0)) for angle in np.linspace(0, np.pi / 2, 20001)]
    assert np.prod(smallest_rectangle(hull)) == pytest.approx(min(areas), rel=1e-4)
    assert np.prod(smallest_rectangle(hull)) <= min(areas) * (1 + 1e-12)


@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("mirror", [1, -1])
def test_of_equal_rectangles_the_longest_counts(start: int, mirror: int) -> None:
    # Along each of its sides a triangle's rectangle has twice its area; here 4 x 3, sqrt 18 x
    # sqrt 8 and sqrt 10 x 12 / sqrt 10.
    triangle = np.roll(np.array([[0.0, 0], [4, 0], [1, 3]]), start, axis=0) * [mirror, 1]
    assert smallest_rectangle(triangle) == pytest.approx((np.sqrt(18), np.sqrt(8)), rel=1e-12)


def test_an_obtuse_triangle_has_the_circle_of_its_longest_side() -> None:
    assert smallest_circle(np.array([[0.0, 0], [10, 0], [5, 2]])) == pytest.approx(5, rel=1e-12)
    assert smallest_circle(np.array([[0.0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])) == pytest.approx(1 / np.sqrt(3))
    assert smallest_circle(np.array([[3.0, 4.0]])) == 0


@pytest.mark.parametrize("seed", range(8))
def test_exhaustive_search_finds_no_smaller_circle(seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(9, 2))
    circles = [((p + q) / 2, np.hypot(*(p - q)) / 2) for p, q in itertools.combinations(points, 2)]
    for p, q, r in itertools.combinations(points, 3):
        centre = np.linalg.solve(2 * np.array([q - p, r - p]), np.array([q @ q - p @ p, r @ r - p @ p]))
        circles.append((centre, np.hypot(*(p - centre))))
    holding = [radius for centre, radius in circles if np.hypot(*(points - centre).T).max() <= radius * (1 + 1e-9)]
    assert smallest_circle(points) == pytest.approx(min(holding), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_opencv_agrees_to_single_precision(draw: Any, seed: int) -> None:
    hull = Region(draw.cleft_nucleus(2, 0.2, np.random.default_rng(seed))).hull
    _, radius = cv2.minEnclosingCircle(hull.astype(np.float32))
    assert smallest_circle(hull) == pytest.approx(radius, rel=1e-4)
    assert np.prod(smallest_rectangle(hull)) == pytest.approx(
        np.prod(cv2.minAreaRect(hull.astype(np.float32))[1]), rel=1e-4
    )
