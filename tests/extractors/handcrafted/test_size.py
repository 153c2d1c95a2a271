"""Sizes against closed forms and scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ellipe
from skimage.measure import perimeter_crofton

from extractors.handcrafted.parts import Parts
from extractors.handcrafted.perimeter import crofton_perimeter
from extractors.handcrafted.size import Size
from extractors.handcrafted.status import Status


def of(mask: np.ndarray, um_per_px: float | None = None) -> dict[str, Any]:
    return Size().measure(Parts(np.zeros((*mask.shape, 3), dtype=np.uint8), mask, um_per_px))


@pytest.mark.parametrize("seed", range(10))
def test_perimeter_is_scikit_images_crofton(seed: int) -> None:
    mask = np.pad(np.random.default_rng(seed).random((20, 24)) > 0.4, 1)
    assert crofton_perimeter(mask) == pytest.approx(perimeter_crofton(mask, directions=4), rel=1e-12)


@pytest.mark.parametrize("a", [20, 50, 100])
@pytest.mark.parametrize("ratio", [1.0, 0.7, 0.5])
def test_perimeter_of_ellipses(draw: Any, a: float, ratio: float) -> None:
    rng = np.random.default_rng(1)
    turned = [draw.ellipse(a, a * ratio, rng.uniform(0, np.pi), tuple(rng.uniform(-0.5, 0.5, 2))) for _ in range(20)]
    found = np.array([crofton_perimeter(mask) for mask in turned]) / (4 * a * ellipe(1 - ratio**2))
    assert found.mean() == pytest.approx(1, abs=0.004)
    assert np.abs(found - 1).max() < (0.02 if a == 20 else 0.007)


def test_ellipse_has_its_axes_and_area(draw: Any) -> None:
    found = of(draw.ellipse(60, 35, 0.6, (0.2, 0.4)))
    assert found["size.area.cell"] == pytest.approx(np.pi * 60 * 35, rel=0.003)
    assert found["size.major_axis.cell"] == pytest.approx(120, rel=0.003)
    assert found["size.minor_axis.cell"] == pytest.approx(70, rel=0.003)
    assert found["size.feret_max.cell"] == pytest.approx(120, abs=1.5)
    assert found["size.feret_min.cell"] == pytest.approx(70, abs=1.5)
    assert found["size.radius_max.cell"] == pytest.approx(35, abs=1)


def test_mean_depth_of_a_disc_is_a_third_of_its_radius(draw: Any) -> None:
    assert of(draw.disc(90))["size.radius_mean.cell"] == pytest.approx(30, abs=0.5)


def test_one_pixel() -> None:
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 2] = True
    found = of(mask)
    assert found["size.area.cell"] == 1
    assert found["size.perimeter.cell"] == pytest.approx(2.68, abs=0.005)
    assert found["size.major_axis.cell"] == 0
    assert found["size.feret_max.cell"] == pytest.approx(np.sqrt(2))
    assert found["size.feret_min.cell"] == 1
    assert found["size.radius_max.cell"] == 1


def test_scale_turns_pixels_into_micrometres(draw: Any) -> None:
    mask = draw.ellipse(30, 20)
    pixels, micrometres = of(mask), of(mask, 0.25)
    assert micrometres["size.area.cell"] == pytest.approx(pixels["size.area.cell"] / 16)
    for name in Size().get_feature_names_out():
        if name.endswith(".cell") and "area" not in name:
            assert micrometres[name] == pytest.approx(pixels[name] / 4)


def test_nucleus_and_its_share(draw: Any) -> None:
    cell = draw.disc(40)
    nucleus = np.zeros_like(cell)
    nucleus[cell.shape[0] // 2 - 24 : cell.shape[0] // 2 + 25, 20:69] = draw.disc(24)[4:-4, 4:-4]
    image = np.where(cell[..., None], np.where(nucleus[..., None], 60, 180), 0).astype(np.uint8).repeat(3, axis=2)
    found = Size().measure(Parts(image, cell))
    assert found["size.area.nucleus"] == pytest.approx(nucleus.sum(), rel=0.01)


def test_without_a_nucleus_its_sizes_do_not_exist(draw: Any) -> None:
    found = of(draw.disc(15))
    assert {found[name] for name in Size().get_feature_names_out() if name.endswith(".nucleus")} == {Status.NO_NUCLEUS}


def test_names_are_what_is_measured(draw: Any) -> None:
    assert set(of(draw.disc(9))) == set(Size().get_feature_names_out())
