"""Outlines of phantom cells against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ellipe

from bench.datasets.phantom.appearance import CellAppearance
from bench.datasets.phantom.outlines import ANGLE, Floats, draw_outlines, notches, outline_area, outline_length

DEFAULT = CellAppearance(0, 0.2, 0.0, 0.0, 50.0, 0.7, 8.0, 0.1, (63.0, 25.0, 75.0), (92.0, 54.0, 110.0))


def outline(appearance: CellAppearance, seed: int = 0) -> Floats:
    return draw_outlines(appearance, np.random.default_rng(seed)).nucleus


def convex(radius: Floats) -> bool:
    points = radius * np.exp(1j * ANGLE)
    steps = np.roll(points, -1) - points
    return bool(np.all((np.conj(steps) * np.roll(steps, -1)).imag > 0))


def test_area_and_length_of_an_ellipse() -> None:
    a, b = 60.0, 40.0
    radius = a * b / np.hypot(b * np.cos(ANGLE), a * np.sin(ANGLE))
    assert outline_area(radius) == pytest.approx(np.pi * a * b, rel=1e-9)
    assert outline_length(radius) == pytest.approx(4 * a * ellipe(1 - b**2 / a**2), rel=1e-5)


def test_nucleus_without_harmonics_and_clefts_is_a_disc() -> None:
    truth = draw_outlines(DEFAULT, np.random.default_rng(0)).truth()
    assert truth["sphericity"] == pytest.approx(1.0, abs=1e-5)
    assert truth["nucleus_radius_px"] == pytest.approx(50.0)
    assert truth["cleft_depth"] == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_strongest_harmonics_leave_the_nucleus_convex(seed: int) -> None:
    assert convex(outline(replace(DEFAULT, elongation=0.13, skew=0.03), seed))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_each_cleft_is_as_deep_as_planted(count: int) -> None:
    radius = outline(replace(DEFAULT, n_clefts=count, cleft_depth=0.3), seed=count)
    lowest = (radius < np.roll(radius, 1)) & (radius <= np.roll(radius, -1)) & (radius < 45.0)
    assert lowest.sum() == count
    assert radius[lowest] == pytest.approx(50.0 * 0.7, rel=0.01)
    assert not convex(radius)


def test_clefts_lower_the_sphericity() -> None:
    drawn = [
        draw_outlines(replace(DEFAULT, n_clefts=n), np.random.default_rng(1)).truth()["sphericity"] for n in range(5)
    ]
    assert np.all(np.diff(drawn) < -0.01)


@pytest.mark.parametrize("ratio", [0.55, 0.7, 0.85])
@pytest.mark.parametrize("clefts", [0, 3])
def test_cell_has_the_requested_area_and_contains_the_nucleus(ratio: float, clefts: int) -> None:
    drawn = draw_outlines(replace(DEFAULT, nc_ratio=ratio, n_clefts=clefts), np.random.default_rng(3))
    assert drawn.truth()["nc_ratio"] == pytest.approx(ratio, rel=1e-6)
    assert np.all(drawn.cell - drawn.nucleus >= 1.5)


def test_ring_never_vanishes_and_the_truth_matches_the_drawing() -> None:
    drawn = draw_outlines(replace(DEFAULT, nc_ratio=0.99), np.random.default_rng(3))
    assert np.all(drawn.cell - drawn.nucleus >= 1.5)
    assert drawn.truth()["nc_ratio"] == pytest.approx(outline_area(drawn.nucleus) / outline_area(drawn.cell))
    assert drawn.truth()["nc_ratio"] < 0.95


def test_number_of_clefts_does_not_shift_the_random_numbers_that_follow() -> None:
    streams = [np.random.default_rng(5) for _ in range(2)]
    notches(0, streams[0])
    notches(4, streams[1])
    assert streams[0].random() == streams[1].random()
