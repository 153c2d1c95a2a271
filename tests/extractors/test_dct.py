"""The cosine transform against its definition: one constant, one cosine, and scipy; order of the frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft

from extractors.cells import Cell
from extractors.dct import Dct


def _cell(grey: Any) -> Cell:
    image = np.repeat(np.asarray(grey, dtype=np.uint8)[..., None], 3, axis=2)
    return Cell("c", image, np.ones(image.shape[:2], dtype=bool))


def _basis(size: int) -> Any:
    """Rows of the orthonormal DCT-II, from its formula."""
    u, r = np.mgrid[:size, :size]
    scale = np.where(u == 0, np.sqrt(1 / size), np.sqrt(2 / size))
    return scale * np.cos((2 * r + 1) * u * np.pi / (2 * size))


def test_a_constant_image_has_one_coefficient() -> None:
    """The coefficient of frequency 0 is the sum of the grey levels / n = 100 n."""
    result = Dct(size=32, k=8).transform([_cell(np.full((32, 32), 100))])
    assert result.dtype == np.float32
    expected = np.zeros(64)
    expected[0] = np.log(1 + 100 * 32)
    np.testing.assert_allclose(result[0], expected, atol=1e-5)


def test_a_cosine_has_the_coefficient_of_its_frequency() -> None:
    """127 + 100 cos((2r+1) 3 pi / 2n) cos((2c+1) 5 pi / 2n): 100 n / 2 at (3, 5), rounding of the levels elsewhere."""
    n = 64
    waves = [np.cos((2 * np.arange(n) + 1) * u * np.pi / (2 * n)) for u in (3, 5)]
    image = np.rint(127 + 100 * np.outer(*waves))
    result = Dct(size=n, k=8).transform([_cell(image)])[0].reshape(8, 8)
    assert result[3, 5] == pytest.approx(np.log(1 + 100 * n / 2), abs=1e-3)
    assert result[0, 0] == pytest.approx(np.log(1 + 127 * n), abs=1e-3)
    result[3, 5] = result[0, 0] = 0
    assert np.expm1(result).max() < 1.5
    names = Dct(size=n, k=8).get_feature_names_out().tolist()
    assert names[3 * 8 + 5] == "dct.u003v005"


def test_it_is_the_corner_of_the_transform_of_scipy_and_of_the_formula() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (24, 24))
    result = Dct(size=24, k=10).transform([_cell(grey)])[0].reshape(10, 10)
    theirs = scipy.fft.dctn(grey.astype(float), type=2, norm="ortho")
    np.testing.assert_allclose(result, np.log1p(np.abs(theirs[:10, :10])), atol=1e-5)
    basis = _basis(24)
    np.testing.assert_allclose(result, np.log1p(np.abs(basis @ grey @ basis.T))[:10, :10], atol=1e-5)


def test_rows_are_vertical_frequencies() -> None:
    stripes = np.repeat(np.arange(16)[:, None] * 10, 16, axis=1)
    result = Dct(size=16, k=4).transform([_cell(stripes)])[0].reshape(4, 4)
    np.testing.assert_allclose(result[:, 1:], 0, atol=1e-5)
    assert result[1, 0] > 4


def test_a_larger_image_is_resized_first() -> None:
    grey = np.random.default_rng(1).integers(0, 256, (8, 8)).repeat(4, axis=0).repeat(6, axis=1)
    small = Dct(size=8, k=8).transform([_cell(grey[::4, ::6])])
    np.testing.assert_allclose(Dct(size=8, k=8).transform([_cell(grey)]), small, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 16}, "k=64: expected an integer from 1 to 16"),
        ({"size": 1025}, "size=1025: expected an integer from 1 to 1024"),
        ({"size": 512, "k": 257}, "k=257: expected an integer from 1 to 256"),
        ({"k": 0}, "k=0: expected an integer from 1 to 256"),
    ],
)
def test_wrong_parameters_are_sentences(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Dct(**parameters).fit([])


def test_there_is_nothing_to_learn() -> None:
    assert Dct().__sklearn_tags__().requires_fit is False
    assert len(Dct().get_feature_names_out()) == 64 * 64
