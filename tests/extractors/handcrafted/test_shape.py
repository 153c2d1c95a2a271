"""Shape against closed forms and scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.measure import moments_central, moments_hu, moments_normalized, regionprops

from extractors.handcrafted.parts import Parts
from extractors.handcrafted.shape import Shape, asymmetry
from extractors.handcrafted.status import Status


def of(mask: np.ndarray) -> dict[str, Any]:
    found = Shape().measure(Parts(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))
    return {name.split(".")[1]: value for name, value in found.items() if name.endswith(".cell")}


@pytest.mark.parametrize("radius", [20, 50, 100])
def test_disc(draw: Any, radius: int) -> None:
    found = of(draw.disc(radius))
    assert found["circularity"] == pytest.approx(1, abs=0.035 if radius == 20 else 0.01)
    assert found["roundness"] == pytest.approx(1, abs=0.07 if radius == 20 else 0.03)
    assert found["eccentricity"] == pytest.approx(0, abs=1e-6)
    assert found["aspect_ratio"] == pytest.approx(1, abs=0.03)
    assert found["solidity"] == pytest.approx(1, abs=0.05 if radius == 20 else 0.02)
    assert found["inscribed_ratio"] == pytest.approx(1, abs=0.06 if radius == 20 else 0.03)
    assert found["asymmetry"] == 0
    assert found["hu_1"] == pytest.approx(1 / (2 * np.pi), rel=0.002)
    assert found["hu_3"] == pytest.approx(0, abs=1e-9)
    assert found["radial_sd"] < 0.01


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.1])
def test_ellipse(draw: Any, angle: float) -> None:
    a, b = 70.0, 35.0
    found = of(draw.ellipse(a, b, angle, (0.3, 0.2)))
    assert found["eccentricity"] == pytest.approx(np.sqrt(1 - (b / a) ** 2), rel=0.002)
    assert found["aspect_ratio"] == pytest.approx(0.5, rel=0.02)
    assert found["rectangularity"] == pytest.approx(np.pi / 4, rel=0.03)
    assert found["inscribed_ratio"] == pytest.approx(0.5, rel=0.03)
    # For an ellipse the variances are a^2/4 and b^2/4, the area pi a b.
    assert found["hu_1"] == pytest.approx((a * a + b * b) / (4 * np.pi * a * b), rel=0.003)
    assert found["asymmetry"] < 0.02


def test_rectangle_fills_itself(draw: Any) -> None:
    found = of(draw.rectangle(20, 50))
    assert found["rectangularity"] == pytest.approx(1, rel=1e-5)
    assert found["solidity"] == pytest.approx(1, rel=1e-9)
    assert found["aspect_ratio"] == pytest.approx(20 / np.hypot(20, 50), rel=1e-5)
    assert found["eccentricity"] == pytest.approx(np.sqrt(1 - (20**2 - 1) / (50**2 - 1)), rel=1e-9)
    assert found["inscribed_ratio"] == pytest.approx((10 - 0.5) / np.hypot(10, 25), rel=0.01)


def test_scikit_image_agrees_on_a_lopsided_blob(draw: Any) -> None:
    mask = draw.polar(lambda t: 40 * (1 + 0.2 * np.cos(t) + 0.15 * np.sin(3 * t)), 60)
    found, peer = of(mask), regionprops(mask.astype(np.uint8))[0]
    hu = moments_hu(moments_normalized(moments_central(mask.astype(float))))
    assert found["eccentricity"] == pytest.approx(peer.eccentricity, rel=1e-9)
    assert found["solidity"] == pytest.approx(peer.solidity, rel=0.01)
    assert found["hu_1"] == pytest.approx(hu[0], rel=1e-9)
    assert found["hu_3"] == pytest.approx(np.sqrt(hu[2]), rel=1e-6)
    assert found["hu_4"] == pytest.approx(np.sqrt(hu[3]), rel=1e-6)


def test_radius_statistics_of_a_known_curve(draw: Any) -> None:
    # r = 1 + e cos 4t has, to first order in e, a radius of sd e / sqrt 2 and no skewness.
    found = of(draw.polar(lambda t: 80 * (1 + 0.05 * np.cos(4 * t)), 90))
    assert found["radial_sd"] == pytest.approx(0.05 / np.sqrt(2), rel=0.06)
    assert abs(found["radial_skewness"]) < 0.35


def test_dents_make_the_radius_skew_to_the_left(draw: Any) -> None:
    nucleus = draw.cleft_nucleus(2, 0.3, np.random.default_rng(1))
    assert of(nucleus)["radial_skewness"] < -1


def test_asymmetry_of_a_triangle() -> None:
    # A triangle and its mirror image about the centroid share a hexagon of two thirds of the area.
    y, x = np.mgrid[:300, :300]
    triangle = (x + y < 280) & (x > 5) & (y > 5)
    rows, columns = np.nonzero(triangle)
    assert asymmetry(triangle, np.array([columns.mean(), rows.mean()])) == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize("columns", [2, 3, 7])
def test_asymmetry_of_a_block_is_none(columns: int) -> None:
    mask = np.pad(np.ones((4, columns), dtype=bool), 1)
    rows, places = np.nonzero(mask)
    assert asymmetry(mask, np.array([places.mean(), rows.mean()])) == pytest.approx(0, abs=1e-12)


def test_degenerate_regions(draw: Any) -> None:
    assert set(of(draw.rectangle(1, 7)).values()) == {Status.TOO_SMALL}
    line = of(draw.rectangle(1, 40))
    assert line["eccentricity"] == 1
    assert line["solidity"] == pytest.approx(1)
    assert line["radial_sd"] is Status.TOO_SMALL


def test_names_are_what_is_measured(draw: Any) -> None:
    mask = draw.disc(20)
    assert set(Shape().measure(Parts(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))) == set(
        Shape().get_feature_names_out()
    )
