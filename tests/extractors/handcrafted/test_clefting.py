"""Clefts against planted ones, OpenCV's defects and closed forms."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from extractors.handcrafted.clefting import Clefting
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.geometry.concavities import concavities
from extractors.handcrafted.geometry.curvature import curvature


def of(mask: np.ndarray) -> dict[str, Any]:
    result = Clefting().measure(CellRegions(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))
    return {name.split(".")[1]: value for name, value in result.items() if name.endswith(".cell")}


DEPTHS = (0.08, 0.20, 0.35)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("planted", [0, 1, 2, 3, 4])
def test_planted_clefts_are_counted(draw: Any, planted: int, depth: float) -> None:
    rng = np.random.default_rng([planted, int(100 * depth)])
    result = [of(draw.cleft_nucleus(planted, depth, rng, radii=(40, 110))) for _ in range(10)]
    assert [f["count"] for f in result] == [planted] * 10


@pytest.mark.parametrize("planted", [0, 2, 4])
def test_half_a_pixel_of_noise_on_the_outline_is_no_cleft(draw: Any, planted: int) -> None:
    rng = np.random.default_rng([5, planted])
    for _ in range(5):
        size, start = rng.uniform(40, 110), rng.uniform(0, 2 * np.pi)
        rough = rng.uniform(-0.5, 0.5, int(2 * np.pi * size))  # one value a pixel of outline

        def radius(theta: np.ndarray, size: float = size, start: float = start, rough: np.ndarray = rough) -> Any:
            angles = start + 2 * np.pi * np.arange(planted) / max(planted, 1)
            notches = [np.exp(-0.5 * (np.angle(np.exp(1j * (theta - a))) / 0.07) ** 2) for a in angles]
            place = np.arange(len(rough)) * 2 * np.pi / len(rough)
            return size * (1 - 0.08 * sum(notches, np.zeros_like(theta))) + np.interp(
                theta, place, rough, period=2 * np.pi
            )

        assert of(draw.polar(radius, size))["count"] == planted


@pytest.mark.slow
def test_counts_and_depths_of_150_nuclei(draw: Any) -> None:
    cases = [(planted, depth) for planted in range(5) for depth in DEPTHS]
    exact, within, ratios = [], [], []
    for number in range(150):
        planted, depth = cases[number % len(cases)]
        mask, curve = draw.planted(planted, depth, np.random.default_rng([9, number]), radii=(40, 110))
        result = of(mask)
        exact.append(result["count"] == planted)
        if planted:
            radius = np.sqrt(mask.sum() / np.pi)
            true = np.sort(concavities(curve).depth)[::-1][:planted] / radius
            error = np.abs(np.array([result["depth_max"], result["depth_sum"]]) / [true[0], true.sum()] - 1)
            within.append(error.max() < 0.15)
            ratios.append(result["depth_sum"] / true.sum())
    assert np.mean(exact) >= 0.99
    assert np.mean(within) >= 0.99
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("seed", range(9))
def test_ragged_masks_never_raise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = cv2.GaussianBlur(rng.random((60, 60)).astype(np.float32), (0, 0), 1.0 + seed % 3) > 0.5
    mask[:2] = mask[-2:] = mask[:, :2] = mask[:, -2:] = False
    values = [v for v in of(mask).values() if not isinstance(v, Status)]
    assert np.isfinite(values).all()


def test_kidney_and_clover_differ_in_spread(draw: Any) -> None:
    rng = np.random.default_rng(3)
    assert of(draw.cleft_nucleus(1, 0.3, rng))["angle_spread"] == 0
    assert of(draw.cleft_nucleus(4, 0.3, rng))["angle_spread"] > 0.9
    assert of(draw.cleft_nucleus(2, 0.3, rng))["angle_spread"] > 0.8  # opposite but for 0.15 radians of jitter each


def test_slits_are_sharper_than_bays(draw: Any) -> None:
    slit = draw.polar(lambda t: 60 * (1 - 0.4 * np.exp(-0.5 * (t / 0.05) ** 2)), 60)
    bay = draw.polar(lambda t: 60 * (1 - 0.4 * np.exp(-0.5 * (t / 0.4) ** 2)), 60)
    assert of(slit)["sharpness_max"] > 1 > of(bay)["sharpness_max"] > 0
    assert of(bay)["area_max"] > of(slit)["area_max"]


@pytest.mark.parametrize("radius", [20, 50, 100])
def test_disc(draw: Any, radius: int) -> None:
    result = of(draw.disc(radius))
    none = ("count", "depth_sum", "sharpness_max", "angle_spread", "concave_fraction", "concave_runs", "lobe_split")
    assert [result[name] for name in none] == [0] * len(none)
    assert result["depth_max"] * radius < 1
    assert 0 < result["curvature_min"] < 1
    assert result["curvature_sd"] < 13 / radius
    assert result["bending_energy"] == pytest.approx(1, abs=0.4 if radius == 20 else 0.08)
    assert result["convexity_deficit"] < 0.002
    assert result["lobes"] == 1


def test_a_square_notch_is_as_large_as_it_was_cut(draw: Any) -> None:
    notched = draw.rectangle(200, 120).copy()
    notched[5:65, 35:95] = False
    assert of(notched)["area_max"] == pytest.approx(60 * 60 / (200 * 120), rel=0.01)


def test_curvature_is_weighted_by_length(draw: Any) -> None:
    mask = draw.cleft_nucleus(3, 0.35, np.random.default_rng(2), radii=(40, 41))
    region = Region(mask).opened
    assert region is not None
    assert region.smooth_contour is not None
    bends, steps = curvature(region.smooth_contour)
    length, scaled = steps.sum(), bends * region.radius
    result = of(mask)
    # However a closed outline bends, it turns once in all: the mean curvature is 2 pi / length.
    variance = scaled**2 @ steps / length - (2 * np.pi * region.radius / length) ** 2
    assert result["curvature_sd"] == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert result["bending_energy"] == pytest.approx(region.radius / (2 * np.pi) * (bends**2 @ steps), rel=1e-12)


def test_two_discs_on_a_neck_are_two_lobes(draw: Any) -> None:
    y, x = np.mgrid[-40:41, -80:81]
    left, right = np.hypot(x + 32, y) <= 30, np.hypot(x - 32, y) <= 30
    neck = (np.abs(y) <= 10) & (np.abs(x) < 32)
    result = of(left | right | neck)
    assert result["lobes"] == 2
    # The nearest pixel outside is 11 px from the neck's axis and sqrt(30^2 + 2^2), the first whole one, from a middle.
    assert result["lobe_split"] == pytest.approx(1 - 11 / np.sqrt(904), abs=0.01)


def test_an_ellipse_has_one_lobe(draw: Any) -> None:
    for angle in (0.0, 0.3, 0.6):
        assert of(draw.ellipse(90, 40, angle))["lobes"] == 1


def test_a_bud_no_deeper_than_the_noise_is_no_lobe() -> None:
    y, x = np.mgrid[-55:56, -55:80]
    body, neck = np.hypot(x, y) <= 50, (np.abs(y) <= 2) & (x > 45) & (x < 60)
    for radius, lobes in ((4.5, 1), (12, 2)):
        assert of(body | neck | (np.hypot(x - 62, y) <= radius))["lobes"] == lobes


def test_threads_are_no_clefts(draw: Any) -> None:
    threaded = draw.disc(30).copy()
    bare = of(threaded)
    threaded[33:35, 60:68] = True
    assert of(threaded)["count"] == bare["count"] == 0
    assert of(threaded)["depth_max"] == pytest.approx(bare["depth_max"], abs=0.02)


@pytest.mark.parametrize("radius", [3, 4.5, 12, 19.5, 47.3, 150])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, 0.1), (0.5, 0.5)])
def test_discs_and_ellipses_have_no_cleft(draw: Any, radius: float, shift: tuple[float, float]) -> None:
    for mask in (draw.disc(radius, shift), draw.ellipse(radius, 0.6 * radius, 0.4, shift)):
        assert of(mask)["count"] == 0


@pytest.mark.parametrize(("height", "width"), [(20, 20), (40, 90), (12, 200)])
def test_rectangles_have_no_cleft_and_one_lobe(draw: Any, height: int, width: int) -> None:
    result = of(draw.rectangle(height, width))
    assert (result["count"], result["depth_max"], result["lobes"]) == (0, pytest.approx(0, abs=1e-9), 1)


def test_blocks_joined_by_a_thread_are_measured_apart() -> None:
    # Of two blocks on a bridge one pixel wide the larger one is left, and both count as lobes.
    mask = np.zeros((50, 80), dtype=bool)
    mask[5:45, 5:45] = mask[10:40, 50:75] = mask[20, 45:50] = True
    result = of(mask)
    assert result["count"] == 0
    assert result["lobes"] == 2


def test_regions_that_are_too_small_have_no_clefts(draw: Any) -> None:
    assert set(of(draw.rectangle(2, 3)).values()) == {Status.TOO_SMALL}
    assert set(of(draw.rectangle(1, 30)).values()) == {Status.TOO_SMALL}
