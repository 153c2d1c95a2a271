"""The stain's features by hand, and that nothing but colour enters them."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.cells import Cell
from extractors.stain import Stain


def _cell(image: np.ndarray, mask: np.ndarray) -> Cell:
    return Cell("c", image.astype(np.uint8), mask)


@pytest.fixture
def speckled() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 50), dtype=bool)
    mask[5:30, 10:45] = rng.random((25, 35)) < 0.7
    return rng.integers(0, 256, (40, 50, 3)).astype(np.uint8), mask


def test_means_by_hand() -> None:
    """Two pixels, (255, 0, 63) and (127, 0, 63): -log10 of 1, 1/256, 1/4 and of 1/2, 1/256, 1/4."""
    image, mask = np.full((3, 4, 3), 9), np.zeros((3, 4), dtype=bool)
    image[1, 1:3] = (255, 0, 63), (127, 0, 63)
    mask[1, 1:3] = True
    result = Stain().fit([]).transform([_cell(image, mask)])
    density = (np.log10(2) / 2 + 2 * np.log10(4) / 2 + 2 * np.log10(256) / 2) / 3
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[191, 0, 63, density]], rtol=1e-6)
    assert Stain().get_feature_names_out().tolist() == [
        "stain.mean.cell.red",
        "stain.mean.cell.green",
        "stain.mean.cell.blue",
        "stain.mean.cell.optical_density",
    ]


def test_it_is_numpy_inside_the_mask(speckled: tuple[np.ndarray, np.ndarray]) -> None:
    image, mask = speckled
    inside = image[mask].astype(np.float64)
    expected = [*inside.mean(axis=0), -np.log10((inside + 1) / 256).mean()]
    np.testing.assert_allclose(Stain().transform([_cell(image, mask)])[0], expected, rtol=1e-6)


def test_the_background_and_the_order_of_pixels_are_ignored(
    speckled: tuple[np.ndarray, np.ndarray],
) -> None:
    image, mask = speckled
    repainted = np.where(mask[..., None], image, np.uint8(200))
    shuffled = image.copy()
    shuffled[mask] = np.random.default_rng(1).permutation(image[mask])
    turned = _cell(np.rot90(image).copy(), np.rot90(mask).copy())
    features = Stain().transform([_cell(image, mask), _cell(repainted, mask), _cell(shuffled, mask), turned])
    np.testing.assert_array_equal(features, np.repeat(features[:1], 4, axis=0))


def test_twice_the_cell_in_the_same_colour_is_the_same_stain() -> None:
    image = np.full((20, 20, 3), (120, 60, 140))
    small, large = np.zeros((2, 20, 20), dtype=bool)
    small[8:10, 8:10], large[2:18, 2:18] = True, True
    result = Stain().transform([_cell(image, small), _cell(image, large)])
    np.testing.assert_array_equal(result[0], result[1])


def test_an_empty_mask_has_no_colour() -> None:
    result, status = Stain().transform_with_status([_cell(np.zeros((4, 4, 3)), np.zeros((4, 4), dtype=bool))])
    assert np.isnan(result).all()
    assert (status == 1).all()


def test_there_is_nothing_to_learn() -> None:
    assert Stain().__sklearn_tags__().requires_fit is False
