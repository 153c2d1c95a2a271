"""Clefts against planted ones, OpenCV's defects and closed forms."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from extractors.handcrafted.clefting import Clefting, concavities, curvature
from extractors.handcrafted.contour import pixel_contour, signed_area
from extractors.handcrafted.parts import Parts
from extractors.handcrafted.status import Status


def of(mask: np.ndarray) -> dict[str, Any]:
    found = Clefting().measure(Parts(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))
    return {name.split(".")[1]: value for name, value in found.items() if name.endswith(".cell")}


@pytest.mark.parametrize("depth", [0.08, 0.20, 0.35])
@pytest.mark.parametrize("planted", [0, 1, 2, 3, 4])
def test_planted_clefts_are_counted(draw: Any, planted: int, depth: float) -> None:
    rng = np.random.default_rng([planted, int(100 * depth)])
    found = [of(draw.cleft_nucleus(planted, depth, rng)) for _ in range(25)]
    counts = np.array([f["count"] for f in found])
    runs = np.array([f["concave_runs"] for f in found])
    assert np.mean(counts == planted) >= 0.99
    assert np.mean(runs == planted) >= 0.99
    if planted:
        deepest = np.mean([f["depth_max"] for f in found])
        # Part of the planted depth lies above the chord: its sagitta over the notch's mouth.
        assert depth - 0.035 < deepest < depth


def wedge(draw: Any) -> np.ndarray:
    """A disc of radius 100 with a wedge that reaches 30 px inwards from the right."""
    disc = draw.disc(100)
    y, x = np.mgrid[-104:105, -104:105]
    return np.asarray(disc & ~((x >= 70) & (np.abs(y) <= (x - 70) / 2)))


def test_a_wedge_of_30_px_is_29_px_below_its_chord(draw: Any) -> None:
    depths = np.sort(concavities(pixel_contour(wedge(draw))).depth)
    assert depths[-1] == pytest.approx(29.0, abs=0.05)
    assert depths[-2] < 0.95


def test_concavities_are_opencvs_defects(draw: Any) -> None:
    rng = np.random.default_rng(5)
    for clefts in range(5):
        contour = pixel_contour(draw.cleft_nucleus(clefts, 0.2, rng))
        hull = cv2.convexHull(contour, returnPoints=False)
        defects = np.asarray(cv2.convexityDefects(contour, hull)).reshape(-1, 4)
        ours = concavities(contour).depth
        # OpenCV stores 1/256 px and leaves out what is not concave.
        np.testing.assert_allclose(
            np.sort(ours)[::-1][: len(defects)], np.sort(defects[:, 3])[::-1] / 256, atol=1 / 128
        )
        assert np.all(np.sort(ours)[::-1][len(defects) :] < 1 / 128)


def test_concavity_areas_add_up_to_the_hull(draw: Any) -> None:
    contour = pixel_contour(draw.cleft_nucleus(3, 0.3, np.random.default_rng(2)))
    hull = cv2.contourArea(cv2.convexHull(contour))
    assert concavities(contour).area.sum() == pytest.approx(hull - cv2.contourArea(contour), rel=1e-9)


def test_a_contour_that_touches_itself_is_measured() -> None:
    # Two blocks joined by a bridge one pixel wide: the contour runs along it twice.
    mask = np.zeros((40, 60), dtype=bool)
    mask[5:35, 5:25] = True
    mask[5:35, 35:55] = True
    mask[20, 25:35] = True
    contour = pixel_contour(mask)
    assert len(np.unique(contour, axis=0)) < len(contour)
    assert np.sort(concavities(contour).depth)[-2:] == pytest.approx([14, 15])


@pytest.mark.parametrize("seed", range(30))
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


def test_slits_are_sharper_than_bays(draw: Any) -> None:
    slit = draw.polar(lambda t: 60 * (1 - 0.4 * np.exp(-0.5 * (t / 0.05) ** 2)), 60)
    bay = draw.polar(lambda t: 60 * (1 - 0.4 * np.exp(-0.5 * (t / 0.4) ** 2)), 60)
    assert of(slit)["sharpness_max"] > 1 > of(bay)["sharpness_max"] > 0
    assert of(bay)["area_max"] > of(slit)["area_max"]


@pytest.mark.parametrize("radius", [20, 50, 100])
def test_disc(draw: Any, radius: int) -> None:
    found = of(draw.disc(radius))
    none = ("count", "depth_sum", "sharpness_max", "angle_spread", "concave_fraction", "concave_runs", "lobe_split")
    assert [found[name] for name in none] == [0] * len(none)
    assert found["depth_max"] * radius < 1
    assert 0 < found["curvature_min"] < 1
    assert found["curvature_sd"] < 13 / radius
    assert found["bending_energy"] == pytest.approx(1, abs=0.4 if radius == 20 else 0.08)
    assert found["convexity_deficit"] < 0.002
    assert found["lobes"] == 1


def test_curvature_of_an_ellipse_in_closed_form() -> None:
    a, b = 3.0, 2.0
    t = np.arange(4096) * 2 * np.pi / 4096
    ellipse = np.stack([a * np.cos(t), b * np.sin(t)], axis=1)
    bends, steps = curvature(ellipse, sigma=0)
    expected = a * b / (a**2 * np.sin(t) ** 2 + b**2 * np.cos(t) ** 2) ** 1.5
    np.testing.assert_allclose(bends, expected, rtol=1e-6)
    assert (bends * steps).sum() == pytest.approx(2 * np.pi, rel=1e-9)
    assert signed_area(ellipse) > 0


def test_two_discs_on_a_neck_are_two_lobes(draw: Any) -> None:
    y, x = np.mgrid[-40:41, -80:81]
    left, right = np.hypot(x + 32, y) <= 30, np.hypot(x - 32, y) <= 30
    neck = (np.abs(y) <= 10) & (np.abs(x) < 32)
    found = of(left | right | neck)
    assert found["lobes"] == 2
    # The neck is gone once eroded by 10 of 30 px.
    assert found["lobe_split"] == pytest.approx(2 / 3, abs=1 / 16)


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


def test_what_is_too_small_has_no_clefts(draw: Any) -> None:
    assert set(of(draw.rectangle(2, 3)).values()) == {Status.TOO_SMALL}
    assert set(of(draw.rectangle(1, 30)).values()) == {Status.TOO_SMALL}


def test_names_are_what_is_measured(draw: Any) -> None:
    mask = draw.disc(20)
    assert set(Clefting().measure(Parts(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))) == set(
        Clefting().get_feature_names_out()
    )
