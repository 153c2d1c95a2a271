"""Elliptic Fourier descriptors against pyefd and closed forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyefd import elliptic_fourier_descriptors
from scipy.integrate import cumulative_simpson

from extractors.cells import Cell, CellFile
from extractors.handcrafted.fourier import Fourier, elliptic_fourier
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Status


def amplitudes(region: Region, harmonics: int = 10) -> np.ndarray:
    result = Fourier(harmonics=harmonics).values(region)
    return np.array([result[f"harmonic_{n}"] for n in range(1, harmonics + 1)])


def lopsided(draw: Any) -> np.ndarray:
    return np.asarray(draw.polar(lambda t: 40 * (1 + 0.2 * np.cos(t) + 0.15 * np.sin(3 * t)), 60))


@pytest.mark.parametrize("seed", range(5))
def test_pyefd_has_the_same_series_of_any_polygon(seed: int) -> None:
    rng = np.random.default_rng(seed)
    polygon = rng.normal(size=(rng.integers(3, 60), 2)) * 50
    peer = elliptic_fourier_descriptors(polygon, 12)
    np.testing.assert_allclose(elliptic_fourier(polygon, 12), peer, rtol=0, atol=1e-10)


def test_pyefd_has_the_same_normalised_amplitudes(draw: Any) -> None:
    region = Region(lopsided(draw))
    assert region.opened is not None
    peer = elliptic_fourier_descriptors(region.opened.smooth_contour, 10, normalize=True)
    np.testing.assert_allclose(amplitudes(region), np.linalg.norm(peer, axis=1), rtol=0, atol=1e-10)


def test_pyefd_agrees_on_real_cells(shared: Path) -> None:
    for path in sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[:5]:
        region = Region(Cell.from_file(CellFile(path.stem, str(path))).mask)
        assert region.opened is not None
        peer = elliptic_fourier_descriptors(region.opened.smooth_contour, 10, normalize=True)
        np.testing.assert_allclose(amplitudes(region), np.linalg.norm(peer, axis=1), rtol=0, atol=1e-10)
        # Both half axes of an ellipse are the singular values of its coefficients.
        axes = [np.linalg.svd(one.reshape(2, 2), compute_uv=False).sum() for one in peer]
        result = Fourier(harmonics=10).values(region)["irregularity"]
        assert result == pytest.approx(sum(axes[1:]) / axes[0], rel=1e-10)


def test_a_square_has_the_terms_of_its_series() -> None:
    # Walked at constant speed a square has only the orders 1 - 4k, of amplitude 1/(1 - 4k)^2: each runs round a circle.
    series = elliptic_fourier(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), 10)
    sizes = np.linalg.norm(series, axis=1)
    expected = [1 / n**2 if n % 2 else 0.0 for n in range(1, 11)]
    np.testing.assert_allclose(sizes / sizes[0], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("radius", [30, 90])
def test_a_disc_has_the_first_harmonic_only(draw: Any, radius: int) -> None:
    region = Region(draw.disc(radius))
    sizes = amplitudes(region)
    assert sizes[0] == pytest.approx(np.sqrt(2), rel=1e-3)
    assert sizes[1:].max() < 0.005
    assert Fourier(harmonics=10).values(region)["irregularity"] < 0.02


@pytest.mark.parametrize("ratio", [0.8, 0.5])
def test_an_ellipse_has_the_harmonics_of_its_arc_length(draw: Any, ratio: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 20001)
    along = cumulative_simpson(np.hypot(np.sin(angle), ratio * np.cos(angle)), x=angle, initial=0)
    phase = 2 * np.pi * along / along[-1]
    # x = cos(angle) and y = ratio sin(angle) as series in the phase; the integrals by parts.
    n = np.arange(1, 11)[:, None]
    a = np.trapezoid(np.sin(n * phase) * np.sin(angle), angle) / (n[:, 0] * np.pi)
    d = np.trapezoid(np.cos(n * phase) * np.cos(angle), angle) / (n[:, 0] * np.pi) * ratio
    region = Region(draw.ellipse(100, 100 * ratio, 0.5))
    np.testing.assert_allclose(amplitudes(region), np.hypot(a, d) / abs(a[0]), rtol=0, atol=0.004)
    expected = (np.abs(a) + np.abs(d))[1:].sum() / (abs(a[0]) + abs(d[0]))
    assert Fourier(harmonics=10).values(region)["irregularity"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("order", [3, 4, 6])
def test_waves_of_an_outline_are_the_neighbouring_harmonics(draw: Any, order: int) -> None:
    # r = 1 + e cos kt is z = exp(it) (1 + e cos kt): e/2 at k + 1 and at 1 - k. The pace along the outline adds, to
    # first order, -i e sin(kt)/k to exp(it)'s angle: (1 - 1/k) e/2 and (1 + 1/k) e/2. Either amplitude counts
    # sqrt 2-fold in harmonic k + 1 or k - 1, as does the first.
    e = 0.05
    sizes = amplitudes(Region(draw.polar(lambda t: 150 * (1 + e * np.cos(order * t)), 160)))
    assert sizes[order] / sizes[0] == pytest.approx((1 - 1 / order) * e / 2, rel=0.1)
    assert sizes[order - 2] / sizes[0] == pytest.approx((1 + 1 / order) * e / 2, rel=0.1)


def test_start_direction_angle_and_size_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    polygon = rng.normal(size=(40, 2))
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    one = np.linalg.norm(elliptic_fourier(polygon, 10), axis=1)
    other = np.linalg.norm(elliptic_fourier(3 * np.roll(polygon, 7, axis=0)[::-1] @ turn + 5, 10), axis=1)
    np.testing.assert_allclose(other, 3 * one, rtol=1e-9)


def test_thin_regions_have_no_harmonics(draw: Any) -> None:
    def of(mask: np.ndarray) -> set[Any]:
        result = Fourier(regions="cell").measure(CellRegions(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))
        return set(result.values())

    assert of(draw.rectangle(1, 7)) == of(draw.rectangle(1, 40)) == of(draw.rectangle(2, 30)) == {Status.TOO_SMALL}
    assert Status.TOO_SMALL not in of(draw.rectangle(5, 5))


def test_names_contain_harmonic_and_region() -> None:
    names = Fourier().get_feature_names_out()
    assert len(names) == 2 * 11
    assert names[0] == "fourier.harmonic_1.cell"
    assert names[-1] == "fourier.irregularity.nucleus"
    assert len(Fourier(harmonics=3, regions="nucleus").get_feature_names_out()) == 4
