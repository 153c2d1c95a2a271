"""Shape against closed forms and scikit-image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.measure import moments_central, moments_hu, moments_normalized, regionprops

from extractors.cells import Cell, CellFile
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.shape import Shape


def of(mask: np.ndarray) -> dict[str, Any]:
    result = Shape().measure(CellRegions(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))
    return {name.split(".")[1]: value for name, value in result.items() if name.endswith(".cell")}


@pytest.mark.parametrize("radius", [20, 50, 100])
def test_disc(draw: Any, radius: int) -> None:
    result = of(draw.disc(radius))
    assert result["circularity"] == pytest.approx(1, abs=0.035 if radius == 20 else 0.01)
    assert result["roundness"] == pytest.approx(1, abs=0.07 if radius == 20 else 0.03)
    assert result["eccentricity"] == pytest.approx(0, abs=1e-6)
    assert result["aspect_ratio"] == pytest.approx(1, abs=0.03)
    assert result["solidity"] == pytest.approx(1, abs=0.05 if radius == 20 else 0.02)
    assert result["inscribed_ratio"] == pytest.approx(1, abs=0.06 if radius == 20 else 0.03)
    assert result["asymmetry"] == 0
    assert result["hu_1"] == pytest.approx(1 / (2 * np.pi), rel=0.002)
    assert result["hu_3"] == pytest.approx(0, abs=1e-9)
    assert result["inscribed_share"] == pytest.approx(1, abs=0.06 if radius == 20 else 0.03)
    assert result["extent"] == pytest.approx(np.pi / 4, rel=0.06)
    assert result["radial_sd"] < 0.01
    assert result["radial_mean"] == pytest.approx(1, abs=0.005)
    assert result["box_dimension"] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("angle", [0.0, 0.5, 1.1])
def test_ellipse(draw: Any, angle: float) -> None:
    a, b = 70.0, 35.0
    result = of(draw.ellipse(a, b, angle, (0.3, 0.2)))
    assert result["eccentricity"] == pytest.approx(np.sqrt(1 - (b / a) ** 2), rel=0.002)
    assert result["aspect_ratio"] == pytest.approx(0.5, rel=0.02)
    assert result["rectangularity"] == pytest.approx(np.pi / 4, rel=0.03)
    assert result["inscribed_ratio"] == pytest.approx(0.5, rel=0.03)
    assert result["inscribed_share"] == pytest.approx(0.5, rel=0.05)
    # For an ellipse the variances are a^2/4 and b^2/4, the area pi a b.
    assert result["hu_1"] == pytest.approx((a * a + b * b) / (4 * np.pi * a * b), rel=0.003)
    assert result["asymmetry"] < 0.02


def test_rectangle_fills_itself(draw: Any) -> None:
    result = of(draw.rectangle(20, 50))
    assert result["rectangularity"] == pytest.approx(1, rel=1e-12)
    assert result["extent"] == 1
    assert result["solidity"] == pytest.approx(1, rel=1e-9)
    assert result["aspect_ratio"] == pytest.approx(20 / np.hypot(20, 50), rel=1e-5)
    assert result["eccentricity"] == pytest.approx(np.sqrt(1 - (20**2 - 1) / (50**2 - 1)), rel=1e-9)
    assert result["inscribed_ratio"] == pytest.approx((10 - 0.5) / np.hypot(10, 25), rel=1e-9)
    assert result["inscribed_share"] == pytest.approx(np.pi * 9.5**2 / 1000, rel=1e-9)


def agree_with_scikit_image(result: dict[str, Any], mask: np.ndarray) -> None:
    peer = regionprops(mask.astype(np.uint8))[0]
    hu = moments_hu(moments_normalized(moments_central(mask.astype(float))))
    assert result["eccentricity"] == pytest.approx(peer.eccentricity, rel=1e-9)
    assert result["extent"] == pytest.approx(peer.extent, rel=1e-12)
    # The peer counts the pixels of its hull.
    assert result["solidity"] == pytest.approx(peer.solidity, rel=0.01)
    assert result["hu_1"] == pytest.approx(hu[0], rel=1e-9)
    assert result["hu_3"] == pytest.approx(np.sqrt(hu[2]), rel=1e-6)
    assert result["hu_4"] == pytest.approx(np.sqrt(hu[3]), rel=1e-6)


def lopsided(draw: Any) -> np.ndarray:
    return np.asarray(draw.polar(lambda t: 40 * (1 + 0.2 * np.cos(t) + 0.15 * np.sin(3 * t)), 60))


def test_scikit_image_agrees_on_a_lopsided_blob(draw: Any) -> None:
    agree_with_scikit_image(of(lopsided(draw)), lopsided(draw))


def test_scikit_image_agrees_on_real_cells(shared: Path) -> None:
    for path in sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::4]:
        cell = Cell.from_file(CellFile(path.stem, str(path)))
        agree_with_scikit_image(of(cell.mask), cell.mask)


def test_pyradiomics_sphericity_is_a_function_of_circularity(draw: Any) -> None:
    # Why it is no feature: 2 sqrt(pi A) / P, where P is longer than Crofton's by 8 (sqrt 2 - 1) / pi.
    radiomics = pytest.importorskip("radiomics", reason="pyradiomics must be compiled")
    mask = lopsided(draw)
    perimeter, area, _ = radiomics.cShape.calculate_coefficients2D(mask.astype(np.uint8), np.ones(2))
    sphericity = 2 * np.sqrt(np.pi * area) / perimeter
    longer = 8 * (np.sqrt(2) - 1) / np.pi
    assert sphericity == pytest.approx(np.sqrt(of(mask)["circularity"] * area / mask.sum()) / longer, rel=1e-12)


def test_pyradiomics_elongation_is_a_function_of_eccentricity(draw: Any) -> None:
    shape2d = pytest.importorskip("radiomics.shape2D", reason="pyradiomics must be compiled").RadiomicsShape2D
    images = pytest.importorskip("SimpleITK", reason="pyradiomics brings it")
    mask = lopsided(draw)
    pixels = images.GetImageFromArray(mask[None].astype(np.uint8))
    peer = shape2d(pixels, pixels, force2D=True, force2Ddimension=0).getElongationFeatureValue()
    assert np.sqrt(1 - of(mask)["eccentricity"] ** 2) == pytest.approx(float(peer), rel=1e-9)


def test_radius_statistics_of_a_known_curve(draw: Any) -> None:
    # r = 1 + e cos 4t has, to first order in e, a radius of sd e / sqrt 2 and no skewness.
    result = of(draw.polar(lambda t: 80 * (1 + 0.05 * np.cos(4 * t)), 90))
    assert result["radial_sd"] == pytest.approx(0.05 / np.sqrt(2), rel=0.06)
    assert abs(result["radial_skewness"]) < 0.35
    # The kurtosis of a cosine's values is 3/2, 3 less.
    assert result["radial_kurtosis"] == pytest.approx(-1.5, abs=0.1)
    assert result["radial_mean"] == pytest.approx(1, abs=0.01)


def test_threads_do_not_reach_the_contour(draw: Any) -> None:
    bare = np.pad(draw.disc(30), 20)
    threaded = bare.copy()
    threaded[54, 80:100] = True
    expected, result = of(bare), of(threaded)
    assert result["roundness"] < 0.8 * expected["roundness"]
    for name in ("radial_mean", "radial_sd"):
        assert result[name] == pytest.approx(expected[name], rel=1e-9)


def test_dents_make_the_radius_skew_to_the_left(draw: Any) -> None:
    nucleus = draw.cleft_nucleus(2, 0.3, np.random.default_rng(1))
    assert of(nucleus)["radial_skewness"] < -1


def test_degenerate_regions(draw: Any) -> None:
    assert set(of(draw.rectangle(1, 7)).values()) == {Status.TOO_SMALL}
    line = of(draw.rectangle(1, 64))
    assert line["eccentricity"] == 1
    assert line["solidity"] == pytest.approx(1)
    assert line["radial_sd"] is line["radial_kurtosis"] is Status.TOO_SMALL
    assert line["box_dimension"] == pytest.approx(1, abs=1e-12)
    assert of(draw.disc(10))["box_dimension"] is Status.TOO_SMALL
