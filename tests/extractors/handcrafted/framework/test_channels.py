"""Channels against scikit-image, the formulas, and mixtures of known stains."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import rgb2hsv, rgb2lab

from extractors.handcrafted.framework.channels import (
    CHANNELS,
    GIEMSA,
    Channels,
    optical_density,
)

LEVELS = np.unique(np.append(np.arange(0, 256, 5), [1, 2, 3, 10, 11, 254, 255]))
COLOURS = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(len(LEVELS), -1, 3).astype(np.uint8)


def test_cielab_is_that_of_the_formulas_and_of_scikit_image() -> None:
    result = np.moveaxis(Channels(COLOURS).cielab, 0, -1)
    np.testing.assert_allclose(result, rgb2lab(COLOURS), atol=2e-4)
    srgb = COLOURS / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    ratios = linear @ matrix.T / [0.95047, 1.0, 1.08883]
    root = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    np.testing.assert_allclose(result, np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1), atol=2e-5)


def test_hue_and_saturation_are_those_of_scikit_image() -> None:
    hue, saturation = Channels(COLOURS).hue_saturation
    expected = rgb2hsv(COLOURS)
    grey = COLOURS.max(axis=-1) == COLOURS.min(axis=-1)
    np.testing.assert_array_equal(np.isnan(hue), grey)
    np.testing.assert_allclose(hue[~grey], 360 * expected[~grey, 0], atol=3e-5)
    np.testing.assert_allclose(saturation, expected[..., 1], atol=1e-7)


def test_known_mixtures_of_stains_are_recovered() -> None:
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.1, 0.7, (200, 2))
    units = GIEMSA / np.linalg.norm(GIEMSA, axis=1, keepdims=True)
    pixels = np.rint(256 * 10 ** -(amounts @ units) - 1).astype(np.uint8)
    np.testing.assert_allclose(Channels(pixels).stains.T, amounts, atol=0.02)


def test_stains_are_those_of_deconvolution() -> None:
    """Ruifrok & Johnston: the densities are the optical density times the inverse of the stains' unit vectors."""
    basis = np.vstack([GIEMSA, np.cross(*GIEMSA)])
    inverse = np.linalg.inv(basis / np.linalg.norm(basis, axis=1, keepdims=True))
    expected = (optical_density(COLOURS) @ inverse)[..., :2]
    np.testing.assert_allclose(np.moveaxis(Channels(COLOURS).stains, 0, -1), expected, atol=3e-7)


def test_optical_density_of_black_and_white() -> None:
    result = optical_density(np.array([255, 0, 127], dtype=np.uint8))
    np.testing.assert_allclose(result, [0, np.log10(256), np.log10(2)], rtol=1e-12)


def test_planes_are_the_channels_in_their_units() -> None:
    expected = {
        "luma": COLOURS @ [0.299, 0.587, 0.114],
        "red": COLOURS[..., 0],
        "green": COLOURS[..., 1],
        "blue": COLOURS[..., 2],
        "saturation": rgb2hsv(COLOURS)[..., 1],
        "value": COLOURS.max(axis=-1),
        **dict(zip(("lightness", "a", "b"), np.moveaxis(rgb2lab(COLOURS), -1, 0), strict=True)),
        **dict(
            zip(("od_red", "od_green", "od_blue"), -np.log10((np.moveaxis(COLOURS, -1, 0) + 1.0) / 256), strict=True)
        ),
        **dict(zip(("methylene_blue", "eosin"), Channels(COLOURS).stains, strict=True)),
    }
    assert tuple(expected) == CHANNELS
    for name, values in expected.items():
        exact, unit = Channels(COLOURS).plane(name)
        assert exact.dtype in (np.int32, np.float32)
        np.testing.assert_allclose(exact / unit, values, rtol=1e-6, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("name", CHANNELS)
def test_equal_colours_have_bitwise_equal_values(name: str) -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (5, 3), dtype=np.uint8)
    which = rng.integers(0, 5, (37, 41))
    plane, _ = Channels(colours[which]).plane(name)
    for index in range(5):
        assert len(np.unique(plane[which == index])) == 1
    turned, _ = Channels(np.rot90(colours[which])).plane(name)
    np.testing.assert_array_equal(turned, np.rot90(plane))


def test_real_cells_have_the_lab_of_scikit_image(shared: Path) -> None:
    path = sorted((shared / "data/cnmc-sample").glob("fold_0/*/*.bmp"))[0]
    image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    np.testing.assert_allclose(np.moveaxis(Channels(image).cielab, 0, -1), rgb2lab(image), atol=2e-4)
