"""Colour statistics against scikit-image, SciPy and mixtures of known stains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from skimage.color import rgb2hsv, rgb2lab

from extractors.handcrafted.channels import GIEMSA, optical_density, stain_densities
from extractors.handcrafted.color import Color
from extractors.handcrafted.parts import Parts
from extractors.handcrafted.status import Status


@pytest.fixture(scope="module")
def cell(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    mask = draw.ellipse(40, 30, 0.4)
    return draw.speckled(mask), mask


def test_statistics_are_those_of_scipy(cell: Any) -> None:
    image, mask = cell
    found = Color().measure(Parts(image, mask))
    lab, hsv = rgb2lab(image)[mask], rgb2hsv(image)[mask]
    expected = dict(zip(("red", "green", "blue"), image[mask].T.astype(float), strict=True))
    expected |= {"saturation": hsv[:, 1], "lightness": lab[:, 0], "a": lab[:, 1], "b": lab[:, 2]}
    for name, values in expected.items():
        assert found[f"color.mean.cell.{name}"] == pytest.approx(values.mean(), rel=1e-5), name
        assert found[f"color.sd.cell.{name}"] == pytest.approx(values.std(), rel=1e-5), name
        assert found[f"color.skewness.cell.{name}"] == pytest.approx(stats.skew(values), abs=1e-4), name
    lightness = expected["lightness"]
    assert found["color.kurtosis.cell.lightness"] == pytest.approx(stats.kurtosis(lightness), abs=1e-4)
    assert found["color.p10.cell.lightness"] == pytest.approx(np.percentile(lightness, 10), rel=1e-5)
    assert found["color.p90.cell.lightness"] == pytest.approx(np.percentile(lightness, 90), rel=1e-5)
    hue = np.exp(2j * np.pi * hsv[:, 0])
    assert found["color.hue_resultant.cell"] == pytest.approx(abs(hue.mean()), rel=1e-5)
    assert found["color.hue_cosine.cell"] == pytest.approx((hue.mean() / abs(hue.mean())).real, abs=1e-5)
    assert found["color.hue_sine.cell"] == pytest.approx((hue.mean() / abs(hue.mean())).imag, abs=1e-5)


def test_background_has_no_part(cell: Any) -> None:
    image, mask = cell
    repainted = np.where(mask[..., None], image, np.uint8(200))
    assert Color().measure(Parts(repainted, mask)) == Color().measure(Parts(image, mask))


def test_hues_on_both_sides_of_red_average_to_red() -> None:
    image = np.zeros((4, 8, 3), dtype=np.uint8)
    image[:, :4], image[:, 4:] = (200, 0, 40), (200, 40, 0)
    found = Color().measure(Parts(image, np.ones((4, 8), dtype=bool)))
    assert found["color.hue_cosine.cell"] == pytest.approx(1)
    assert found["color.hue_sine.cell"] == pytest.approx(0, abs=1e-6)
    assert found["color.hue_resultant.cell"] == pytest.approx(np.cos(np.deg2rad(12)), rel=1e-6)


def test_stains_of_known_mixtures_are_found_again() -> None:
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.1, 0.7, (200, 2))
    units = GIEMSA / np.linalg.norm(GIEMSA, axis=1, keepdims=True)
    pixels = np.rint(256 * 10 ** -(amounts @ units) - 1).astype(np.uint8)
    np.testing.assert_allclose(stain_densities(pixels), amounts, atol=0.02)


def test_optical_density_of_black_and_white() -> None:
    found = optical_density(np.array([255, 0, 127], dtype=np.uint8))
    np.testing.assert_allclose(found, [0, np.log10(256), np.log10(2)], rtol=1e-12)


def test_nucleus_against_cytoplasm(draw: Any) -> None:
    mask, inner = draw.disc(40), np.pad(draw.disc(24), 16)
    image = np.where(inner[..., None], [63, 31, 127], np.where(mask[..., None], [127, 127, 127], 0)).astype(np.uint8)
    found = Color().measure(Parts(image, mask))
    expected = [np.log10(2), np.log10(4), 0]
    for name, value in zip(("red", "green", "blue"), expected, strict=True):
        assert found[f"color.od_difference.nucleus.{name}"] == pytest.approx(value, abs=0.01)


def test_flat_grey_has_neither_hue_nor_skewness(draw: Any) -> None:
    mask = draw.disc(12)
    found = Color().measure(Parts(np.where(mask[..., None], np.uint8(120), np.uint8(0)).repeat(3, axis=2), mask))
    assert {found[name] for name in Color().get_feature_names_out() if "skewness" in name or "kurtosis" in name} == {
        Status.FLAT
    }
    assert {found[f"color.{name}.cell"] for name in ("hue_cosine", "hue_sine", "hue_resultant")} == {Status.FLAT}
    assert found["color.mean.cell.red"] == 120
    assert found["color.sd.cell.red"] == 0
    assert {found[name] for name in Color().get_feature_names_out() if "od_difference" in name} == {Status.NO_NUCLEUS}


def test_opposite_hues_have_no_direction() -> None:
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[0], image[1] = (90, 0, 0), (0, 90, 90)
    found = Color().measure(Parts(image, np.ones((2, 2), dtype=bool)))
    assert found["color.hue_resultant.cell"] == pytest.approx(0, abs=1e-6)
    assert found["color.hue_cosine.cell"] is Status.FLAT


def test_names_are_what_is_measured(cell: Any) -> None:
    assert set(Color().measure(Parts(*cell))) == set(Color().get_feature_names_out())
