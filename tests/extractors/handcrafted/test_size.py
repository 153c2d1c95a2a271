"""Sizes against closed forms and scikit-image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ellipe
from skimage.measure import perimeter_crofton, regionprops

from extractors.cells import Cell, CellFile
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.size import Size


def of(mask: np.ndarray, um_per_px: float | None = None) -> dict[str, Any]:
    return Size().measure(CellRegions(np.zeros((*mask.shape, 3), dtype=np.uint8), mask, um_per_px))


@pytest.mark.parametrize("a", [20, 50, 100])
@pytest.mark.parametrize("ratio", [1.0, 0.7, 0.5])
def test_smooth_perimeter_is_the_ellipse_integral(draw: Any, a: float, ratio: float) -> None:
    rng = np.random.default_rng(1)
    turned = [draw.ellipse(a, a * ratio, rng.uniform(0, np.pi), tuple(rng.uniform(-0.5, 0.5, 2))) for _ in range(20)]
    result = [of(mask)["size.perimeter_smooth.cell"] / (4 * a * ellipe(1 - ratio**2)) for mask in turned]
    assert np.mean(result) == pytest.approx(1, abs=0.006)
    assert np.abs(np.array(result) - 1).max() < (0.009 if a == 20 else 0.006)


@pytest.mark.parametrize("angle", [0.0, 0.2, 0.7])
def test_a_turned_rectangle_keeps_its_sides(draw: Any, angle: float) -> None:
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    y, x = np.mgrid[-80:81, -80:81]
    result = of((np.abs(x * u[0] + y * u[1]) < 60) & (np.abs(x * v[0] + y * v[1]) < 25))
    assert result["size.rectangle_length.cell"] == pytest.approx(120, abs=1.5)
    assert result["size.rectangle_width.cell"] == pytest.approx(50, abs=1.5)


def test_ellipse_has_its_axes_and_area(draw: Any) -> None:
    result = of(draw.ellipse(60, 35, 0.6, (0.2, 0.4)))
    assert result["size.area.cell"] == pytest.approx(np.pi * 60 * 35, rel=0.003)
    assert result["size.major_axis.cell"] == pytest.approx(120, rel=0.003)
    assert result["size.minor_axis.cell"] == pytest.approx(70, rel=0.003)
    assert result["size.feret_max.cell"] == pytest.approx(120, abs=1.5)
    assert result["size.feret_min.cell"] == pytest.approx(70, abs=1.5)
    assert result["size.radius_max.cell"] == pytest.approx(35, abs=1)


def test_mean_depth_of_a_disc_is_a_third_of_its_radius(draw: Any) -> None:
    assert of(draw.disc(90))["size.radius_mean.cell"] == pytest.approx(30, abs=0.5)


def agree_with_scikit_image(result: dict[str, Any], mask: np.ndarray) -> None:
    peer = regionprops(mask.astype(np.uint8))[0]
    assert result["size.area.cell"] == peer.area
    assert result["size.perimeter.cell"] == pytest.approx(perimeter_crofton(np.pad(mask, 1), directions=4), rel=1e-12)
    assert result["size.major_axis.cell"] == pytest.approx(peer.axis_major_length, rel=1e-9)
    assert result["size.minor_axis.cell"] == pytest.approx(peer.axis_minor_length, rel=1e-9)
    assert result["size.bbox_height.cell"] == peer.bbox[2] - peer.bbox[0]
    assert result["size.bbox_width.cell"] == peer.bbox[3] - peer.bbox[1]
    # The peer goes round the pixels of its hull through the middles of their sides, not through corners.
    assert result["size.feret_max.cell"] == pytest.approx(peer.feret_diameter_max, abs=0.75)


def test_scikit_image_agrees_on_a_lopsided_blob(draw: Any) -> None:
    mask = draw.polar(lambda t: 40 * (1 + 0.2 * np.cos(t) + 0.15 * np.sin(3 * t)), 60)
    agree_with_scikit_image(of(mask), mask)


def test_scikit_image_agrees_on_real_cells(shared: Path) -> None:
    for path in sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[::4]:
        cell = Cell.from_file(CellFile(path.stem, str(path)))
        agree_with_scikit_image(of(cell.mask), cell.mask)


def test_one_pixel() -> None:
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 2] = True
    result = of(mask)
    assert result["size.area.cell"] == 1
    assert result["size.perimeter.cell"] == pytest.approx(2.68, abs=0.005)
    assert result["size.major_axis.cell"] == 0
    assert result["size.feret_max.cell"] == pytest.approx(np.sqrt(2))
    assert result["size.feret_min.cell"] == 1
    assert result["size.radius_max.cell"] == result["size.radius_mean.cell"] == result["size.radius_median.cell"] == 1
    assert result["size.rectangle_length.cell"] == result["size.rectangle_width.cell"] == 1
    assert result["size.bbox_height.cell"] == result["size.bbox_width.cell"] == 1
    assert result["size.perimeter_smooth.cell"] is Status.TOO_SMALL


def test_nucleus_and_its_share(draw: Any) -> None:
    cell = draw.disc(40)
    nucleus = np.zeros_like(cell)
    nucleus[cell.shape[0] // 2 - 24 : cell.shape[0] // 2 + 25, 20:69] = draw.disc(24)[4:-4, 4:-4]
    image = np.where(cell[..., None], np.where(nucleus[..., None], 60, 180), 0).astype(np.uint8).repeat(3, axis=2)
    result = Size().measure(CellRegions(image, cell))
    assert result["size.area.nucleus"] == pytest.approx(nucleus.sum(), rel=0.01)
