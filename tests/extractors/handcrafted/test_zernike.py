"""Zernike moments against the sum over pixels, mahotas and closed forms."""

from __future__ import annotations

from math import factorial
from pathlib import Path
from typing import Any

import mahotas
import numpy as np
import pytest

from extractors.cells import Cell, CellFile
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.region import Region
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.zernike import Zernike, orders


def blob(draw: Any, seed: int) -> np.ndarray:
    a, b, c = np.random.default_rng(seed).uniform(-0.12, 0.12, 3)
    return np.asarray(draw.polar(lambda t: 40 * (1 + a * np.cos(t) + b * np.sin(2 * t + 1) + c * np.cos(5 * t)), 56))


def moments(mask: np.ndarray, degree: int = 8) -> np.ndarray:
    return np.array(list(Zernike(degree=degree).values(Region(mask)).values()))


def by_definition(mask: np.ndarray, degree: int) -> np.ndarray:
    y, x = np.nonzero(mask)
    z = (x - x.mean()) + 1j * (y - y.mean())
    rho, angle = np.abs(z) / np.abs(z).max(), np.angle(z)
    result = []
    for n, m in orders(degree):
        radial = sum(
            (-1) ** s
            * factorial(n - s)
            / (factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s))
            * rho ** (n - 2 * s)
            for s in range((n - m) // 2 + 1)
        )
        result.append(abs((n + 1) / np.pi * np.mean(radial * np.exp(-1j * m * angle))))
    return np.array(result)


def from_mahotas(mask: np.ndarray, degree: int = 8) -> np.ndarray:
    y, x = np.nonzero(mask)
    reach = np.hypot(x - x.mean(), y - y.mean()).max()
    # The peer leaves out what lies outside by rounding: the farthest pixel.
    peer = mahotas.features.zernike_moments(mask.astype(np.uint8), reach * (1 + 1e-12), degree)
    everything = [(n, m) for n in range(degree + 1) for m in range(n % 2, n + 1, 2)]
    return np.array([value for pair, value in zip(everything, peer, strict=True) if pair in orders(degree)])


def test_orders_up_to_eight_are_twenty_three() -> None:
    assert len(orders(8)) == 25 - 2
    assert orders(3) == ((2, 0), (2, 2), (3, 1), (3, 3))


@pytest.mark.parametrize("seed", range(5))
def test_the_sum_over_pixels_gives_the_same(draw: Any, seed: int) -> None:
    mask = blob(draw, seed)
    np.testing.assert_allclose(moments(mask), by_definition(mask, 8), rtol=0, atol=1e-12)
    np.testing.assert_allclose(moments(mask, 20), by_definition(mask, 20), rtol=0, atol=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_mahotas_agrees(draw: Any, seed: int) -> None:
    mask = blob(draw, seed)
    np.testing.assert_allclose(moments(mask), from_mahotas(mask), rtol=0, atol=1e-10)


def test_mahotas_agrees_on_real_cells(shared: Path) -> None:
    for path in sorted((shared / "data/cnmc-sample").glob("fold_*/*/*.bmp"))[:3]:
        mask = Cell.from_file(CellFile(path.stem, str(path))).mask
        np.testing.assert_allclose(moments(mask), from_mahotas(mask), rtol=0, atol=1e-10)


def test_a_disc_has_none(draw: Any) -> None:
    # Over the full disc V_nl is orthogonal to 1; the pixels' steps leave something of the order of 1 / radius.
    assert moments(draw.disc(100)).max() < 0.03
    assert moments(draw.disc(400)).max() < 0.01


@pytest.mark.parametrize("ratio", [0.8, 0.5])
def test_an_ellipse_has_its_second_moments(draw: Any, ratio: float) -> None:
    # In units of the half axis a the variances are 1/4 and ratio^2/4,
    # so A_20 = 3/pi (2 sum - 1) and A_22 = 3/pi difference.
    result = Zernike(degree=2).values(Region(draw.ellipse(150, 150 * ratio, 0.4)))
    assert result["n2_l0"] == pytest.approx(3 / np.pi * (1 - (1 + ratio**2) / 2), abs=0.01)
    assert result["n2_l2"] == pytest.approx(3 / np.pi * (1 - ratio**2) / 4, abs=0.01)


@pytest.mark.parametrize("order", [3, 4, 5])
def test_waves_of_an_outline_appear_in_their_repetition(draw: Any, order: int) -> None:
    # To first order in e, r = 1 + e cos kt has A_kk = (k + 1)/pi e / (1 + e)^k and no other repetition but 0.
    result = Zernike(degree=8).values(Region(draw.polar(lambda t: 150 * (1 + 0.05 * np.cos(order * t)), 160)))
    assert result[f"n{order}_l{order}"] == pytest.approx((order + 1) / np.pi * 0.05 / 1.05**order, rel=0.02)
    assert max(result[f"n{n}_l{m}"] for n, m in orders(8) if m % order) < 0.002


def test_size_and_pixels_do_not_matter(draw: Any) -> None:
    mask = blob(draw, 2)
    np.testing.assert_allclose(moments(mask.repeat(4, axis=0).repeat(4, axis=1)), moments(mask), rtol=0, atol=0.03)


def test_a_line_is_measured_and_less_than_eight_pixels_are_not(draw: Any) -> None:
    def of(mask: np.ndarray) -> set[Any]:
        result = Zernike(regions="cell").measure(CellRegions(np.zeros((*mask.shape, 3), dtype=np.uint8), mask))
        return set(result.values())

    assert of(draw.rectangle(1, 7)) == {Status.TOO_SMALL}
    assert all(isinstance(value, float) and np.isfinite(value) for value in of(draw.rectangle(1, 8)))


def test_names_contain_degree_repetition_and_region() -> None:
    names = Zernike().get_feature_names_out()
    assert len(names) == 2 * 23
    assert names[0] == "zernike.n2_l0.cell"
    assert names[-1] == "zernike.n8_l8.nucleus"
    assert len(Zernike(degree=9, regions="cell").get_feature_names_out()) == 28
