"""Outlines against closed forms and scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ellipe

from extractors.handcrafted.geometry.contour import (
    outline,
    polygon_length,
    resample,
    signed_area,
    smooth_contour,
)

TURNS = {
    "quarter": (np.rot90, lambda p, size: np.stack([p[:, 1], size - p[:, 0]], axis=1)),
    "upside down": (np.flipud, lambda p, size: np.stack([p[:, 0], size - p[:, 1]], axis=1)),
    "transposed": (np.transpose, lambda p, size: p[:, ::-1]),
}
"""A turn of square masks, and of (x, y) where the largest coordinate is `size`."""


def smooth(mask: np.ndarray) -> np.ndarray | None:
    loop = outline(mask)
    return None if loop is None else smooth_contour(loop)


def ellipse_length(a: float, b: float) -> float:
    return float(4 * a * ellipe(1 - (b / a) ** 2))


@pytest.mark.parametrize("a", [20, 100])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_smooth_contour_measures_ellipses(draw: Any, a: float, ratio: float, angle: float) -> None:
    contour = smooth(draw.ellipse(a, a * ratio, angle, (0.3, 0.1)))
    assert contour is not None
    assert contour.shape == (256, 2)
    assert polygon_length(contour) == pytest.approx(ellipse_length(a, a * ratio), rel=0.007)
    assert signed_area(contour) == pytest.approx(np.pi * a * a * ratio, rel=0.006 if a * ratio >= 20 else 0.015)


def test_smooth_contour_has_equal_steps_and_follows_the_mask(draw: Any) -> None:
    contour = smooth(draw.disc(30))
    assert contour is not None
    steps = np.hypot(*(np.roll(contour, -1, axis=0) - contour).T)
    assert steps.max() / steps.min() < 1.02
    np.testing.assert_allclose(np.hypot(*(contour - 34).T), 30, atol=0.6)


def test_a_line_has_no_smooth_contour() -> None:
    line = np.zeros((9, 30), dtype=bool)
    line[4, 4:26] = True
    assert outline(line) is None


@pytest.fixture(params=["cleft", "blob", "ellipse", "disc", "square", "bump"])
def shape(request: pytest.FixtureRequest, draw: Any) -> np.ndarray:
    bump = draw.rectangle(37, 22)
    bump[29, 27] = True  # shifts no corner up or down, so that the mean of the corners is as far from two of them
    masks = {
        "cleft": lambda: draw.cleft_nucleus(3, 0.2, np.random.default_rng(0)),
        "blob": lambda: draw.blob(np.random.default_rng(4), 60),
        "ellipse": lambda: draw.ellipse(40, 25, 0.3),
        "disc": lambda: draw.disc(65),
        "square": lambda: draw.rectangle(20, 20),
        "bump": lambda: np.pad(bump, ((0, 0), (0, bump.shape[0] - bump.shape[1]))),
    }
    return np.asarray(masks[request.param]())


@pytest.mark.parametrize("turn", TURNS)
def test_outline_is_equivariant_under_quarter_turns_and_flips(shape: np.ndarray, turn: str) -> None:
    of_mask, of_points = TURNS[turn]
    before, after = outline(shape), outline(np.ascontiguousarray(of_mask(shape)))
    assert before is not None
    assert after is not None
    expected = of_points(before, len(shape) - 1)
    apart = np.hypot(*(expected[:, None] - after[None]).transpose(2, 0, 1))
    assert apart.min(axis=0).max() < 1e-9
    assert apart.min(axis=1).max() < 1e-9


@pytest.mark.parametrize("turn", TURNS)
def test_smooth_contour_is_equivariant_under_quarter_turns_and_flips(shape: np.ndarray, turn: str) -> None:
    # Of a shape with symmetries the points may be those of a mirror image; their radii and steps are the same.
    of_mask, _ = TURNS[turn]

    def radii_and_steps(mask: np.ndarray) -> np.ndarray:
        contour = smooth(mask)
        assert contour is not None
        radii = np.hypot(*(contour - contour.mean(axis=0)).T)
        return np.sort([radii, np.hypot(*(np.roll(contour, -1, axis=0) - contour).T)])

    np.testing.assert_allclose(radii_and_steps(of_mask(shape)), radii_and_steps(shape), rtol=1e-9)


def test_outline_is_that_of_the_largest_component() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[2:8, 2:8] = True
    mask[15:35, 15:35] = True
    alone = mask.copy()
    alone[:10] = False
    np.testing.assert_array_equal(outline(mask), outline(alone))


def test_outline_leaves_holes_out() -> None:
    ring = np.pad(np.ones((30, 30), dtype=bool), 3)
    full = outline(ring)
    ring[13:20, 13:20] = False
    np.testing.assert_array_equal(outline(ring), full)


def test_resample_walks_a_square() -> None:
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    expected = [[0, 0], [2, 0], [4, 0], [4, 2], [4, 4], [2, 4], [0, 4], [0, 2]]
    np.testing.assert_allclose(resample(square, 8, 0), expected)


def test_polygons_have_signed_area_and_length() -> None:
    triangle = np.array([[0.0, 0], [3, 0], [0, 4]])
    assert signed_area(triangle) == 6
    assert signed_area(triangle[::-1]) == -6
    assert polygon_length(triangle) == 12
