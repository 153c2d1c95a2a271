"""Crofton's perimeter against scikit-image, pyradiomics and the ellipse integral."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ellipe
from skimage.measure import perimeter_crofton

from extractors.handcrafted.geometry.perimeter import crofton_perimeter
from extractors.handcrafted.geometry.runs import row_runs


@pytest.mark.parametrize("seed", range(10))
def test_scikit_image_has_the_same(seed: int) -> None:
    mask = np.pad(np.random.default_rng(seed).random((20, 24)) > 0.4, 1)
    assert crofton_perimeter(row_runs(mask)) == pytest.approx(perimeter_crofton(mask, directions=4), rel=1e-12)


@pytest.mark.parametrize("a", [20, 50, 100])
@pytest.mark.parametrize("ratio", [1.0, 0.7, 0.5])
def test_ellipses(draw: Any, a: float, ratio: float) -> None:
    rng = np.random.default_rng(1)
    turned = [draw.ellipse(a, a * ratio, rng.uniform(0, np.pi), tuple(rng.uniform(-0.5, 0.5, 2))) for _ in range(20)]
    result = np.array([crofton_perimeter(row_runs(mask)) for mask in turned]) / (4 * a * ellipe(1 - ratio**2))
    assert result.mean() == pytest.approx(1, abs=0.004)
    assert np.abs(result - 1).max() < (0.02 if a == 20 else 0.007)


def test_the_marching_squares_mesh_of_pyradiomics_is_longer_by_a_constant(draw: Any) -> None:
    # Why that perimeter is no feature: it is a multiple of this one wherever no two pixels touch at a corner only.
    radiomics = pytest.importorskip("radiomics", reason="pyradiomics must be compiled")
    for mask in (draw.ellipse(30, 17, 0.4), draw.polar(lambda t: 40 * (1 + 0.2 * np.cos(3 * t)), 60)):
        mesh, area, _ = radiomics.cShape.calculate_coefficients2D(mask.astype(np.uint8), np.ones(2))
        assert mesh / crofton_perimeter(row_runs(mask)) == pytest.approx(8 * (np.sqrt(2) - 1) / np.pi, rel=1e-12)
        assert area == pytest.approx(mask.sum(), rel=0.003)


def test_one_pixel() -> None:
    mask = np.pad(np.ones((1, 1), dtype=bool), 1)
    assert crofton_perimeter(row_runs(mask)) == pytest.approx(np.pi / 4 * (2 + np.sqrt(2)), rel=1e-12)
