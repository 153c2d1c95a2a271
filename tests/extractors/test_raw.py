"""Pixels of the resized frame: order, range, resizing by hand, and wrong parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage.transform import resize

from extractors.cells import Cell
from extractors.raw import Raw


def _cell(image: Any) -> Cell:
    image = np.asarray(image, dtype=np.uint8)
    return Cell("c", image, np.ones(image.shape[:2], dtype=bool))


def test_an_image_of_the_size_is_flattened_by_row_column_and_channel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    result = Raw(size=3).fit([]).transform([_cell(image)])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], image.reshape(-1) / 255, atol=1e-7)
    names = Raw(size=3).get_feature_names_out().tolist()
    assert len(names) == result.shape[1] == 27
    assert names[:4] == ["raw.r000c000.red", "raw.r000c000.green", "raw.r000c000.blue", "raw.r000c001.red"]
    assert result[0, names.index("raw.r002c001.green")] == pytest.approx(image[2, 1, 1] / 255)


def test_grey_is_the_luma() -> None:
    image = np.zeros((2, 2, 3))
    image[0, 1], image[1, 0], image[1, 1] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    result = Raw(size=2, grey=True).transform([_cell(image)])
    np.testing.assert_allclose(result, [[0, 0.299, 0.587, 0.114]], atol=1e-7)
    assert Raw(size=2, grey=True).get_feature_names_out().tolist() == [
        f"raw.r00{r}c00{c}.grey" for r in (0, 1) for c in (0, 1)
    ]


def test_a_smaller_image_has_the_means_of_its_areas() -> None:
    image = np.random.default_rng(1).integers(0, 256, (12, 8, 3), dtype=np.uint8)
    blocks = image.reshape(4, 3, 4, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(Raw(size=4).transform([_cell(image)])[0], blocks.reshape(-1) / 255, atol=1e-6)


def test_a_larger_image_is_interpolated_as_by_scikit_image() -> None:
    image = np.random.default_rng(2).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    expected = resize(image / 255, (9, 9), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(Raw(size=9).transform([_cell(image)])[0], expected.reshape(-1), atol=1e-4)


def test_an_axis_that_shrinks_and_one_that_grows_have_their_own_rule() -> None:
    image = np.repeat(np.arange(8, dtype=np.uint8)[:, None, None] * 30, 2, axis=1).repeat(3, axis=2)
    expected = np.repeat(image[:, 0, 0].reshape(4, 2).mean(axis=1), 4)
    np.testing.assert_allclose(Raw(size=4, grey=True).transform([_cell(image)])[0], expected / 255, atol=1e-6)


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (31, 17), (300, 200)])
def test_a_constant_image_has_its_level(shape: tuple[int, int], level: int) -> None:
    result = Raw(size=16).transform([_cell(np.full((*shape, 3), level))])
    np.testing.assert_allclose(result, level / 255, atol=1e-6)
    assert result.max() <= 1
    assert result.min() >= 0


def test_features_do_not_depend_on_mask_or_other_cells() -> None:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    together = Raw(size=8).transform([_cell(image) for image in images])
    for image, row in zip(images, together, strict=True):
        masked = Cell("c", image, np.zeros(image.shape[:2], dtype=bool))
        np.testing.assert_array_equal(Raw(size=8).transform([masked])[0], row)
    assert Raw().__sklearn_tags__().requires_fit is False


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"size": 0}, "size=0: expected an integer from 1 to 256"),
        ({"size": 257}, "size=257: expected an integer from 1 to 256"),
        ({"size": 8.0}, "size=8.0: expected an integer"),
        ({"grey": 1}, "grey=1: expected true or false"),
    ],
)
def test_wrong_parameters_are_sentences(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Raw(**parameters).fit([])
