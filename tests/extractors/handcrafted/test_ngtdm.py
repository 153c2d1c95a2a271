"""Neighbourhood differences: Amadasun and King's own example, by hand, and against SciPy's sums."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.ngtdm import Ngtdm, neighbourhoods, tone_features


def of_levels(levels: np.ndarray, count: int) -> Quantised:
    return Quantised(levels.astype(np.uint16), count)


def test_differences_by_hand() -> None:
    pixels, differences = neighbourhoods(of_levels(np.array([[1, 3, 0], [0, 2, 0], [0, 0, 0], [3, 0, 0]]), 3))
    # The 1 lies among 3 and 2, the 3 among 1 and 2, the 2 among 1 and 3; the other 3 has no neighbour.
    assert pixels.tolist() == [1, 1, 1]
    np.testing.assert_allclose(differences, [1.5, 0, 1.5], rtol=1e-15)


def test_differences_are_those_of_sums_over_windows() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 7, (40, 33))
    inside = levels > 0
    window = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    together = ndimage.convolve(levels, window, mode="constant")
    around = ndimage.convolve(inside.astype(int), window, mode="constant")
    counts = inside & (around > 0)
    apart = np.abs(levels - together / np.maximum(around, 1))
    pixels, differences = neighbourhoods(of_levels(levels, 6))
    for level in range(1, 7):
        here = counts & (levels == level)
        assert pixels[level - 1] == here.sum()
        assert differences[level - 1] == pytest.approx(apart[here].sum(), rel=1e-12)


def test_features_of_two_levels_by_hand() -> None:
    result = tone_features(np.array([3, 0, 1]), np.array([2.0, 0, 5.0]))
    p, q = 3 / 4, 1 / 4
    assert result == pytest.approx(
        {
            "coarseness": 1 / (p * 2 + q * 5),
            "contrast": (2 * p * q * 4 / 2) * 7 / 4,
            # 1 * 3/4 and 3 * 1/4 are the same, so that nothing is left to divide by.
            "busyness": np.inf,
            "complexity": 2 * 2 * (p * 2 + q * 5) / 4,
            "strength": 2 * 4 / 7,
        },
        rel=1e-12,
    )


def test_components_of_one_level_have_no_coarseness() -> None:
    image = np.zeros((4, 9, 3), dtype=np.uint8)
    image[:, :4], image[:, 5:] = 60, 180
    result = Ngtdm().measure(CellRegions(image, image.any(axis=2)))
    by_name = {name.split(".")[1]: value for name, value in result.items()}
    assert by_name["coarseness"] is Status.FLAT
    assert by_name["strength"] is Status.FLAT
    assert by_name["contrast"] == by_name["busyness"] == by_name["complexity"] == 0


def test_scattered_pixels_without_neighbours_are_too_few() -> None:
    image = np.zeros((5, 5, 3), dtype=np.uint8)
    image[::2, ::2] = np.arange(10, 253, 9)[:27].reshape(3, 3, 3)
    assert set(Ngtdm().measure(CellRegions(image, image.any(axis=2))).values()) == {Status.TOO_SMALL}
