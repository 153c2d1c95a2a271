"""Crop, centre crop and padding: known places, and nothing of the cell lost or made up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from extractors.preparation.geometry import MAX_SIDE, CentreCrop, Crop, PadSquare
from extractors.preparation.step import Picture


def numbered(height: int, width: int, mask: npt.NDArray[np.bool_] | None = None) -> Picture:
    """Every pixel has a colour of its own, none of them black."""
    number = np.arange(1, height * width + 1).reshape(height, width)
    image = np.stack([number % 256, number // 256, np.full_like(number, 9)], axis=-1).astype(np.uint8)
    return Picture(image, np.ones((height, width), dtype=np.bool_) if mask is None else mask, mask)


def block(rows: slice, columns: slice, height: int = 10, width: int = 14) -> Picture:
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[rows, columns] = True
    return numbered(height, width, mask)


masks = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any)


@given(masks, st.integers(0, 15), st.integers(0, 30))
def test_crop_and_padding_keep_every_pixel_of_the_cell(mask: npt.NDArray[np.bool_], margin: int, size: int) -> None:
    before = numbered(*mask.shape, mask)
    after = PadSquare(size)(Crop(margin)(before))
    np.testing.assert_array_equal(after.image[after.mask], before.image[before.mask])
    np.testing.assert_array_equal(after.nucleus, after.mask)
    assert after.mask.shape[0] == after.mask.shape[1] >= size


@given(masks)
def test_a_crop_touches_the_cell_on_all_sides(mask: npt.NDArray[np.bool_]) -> None:
    cropped = Crop()(numbered(*mask.shape, mask)).mask
    assert cropped[0].any() and cropped[-1].any() and cropped[:, 0].any() and cropped[:, -1].any()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 30))
def test_a_centre_crop_takes_the_square_back_that_was_padded(side: int, other: int, size: int) -> None:
    before = numbered(side, side)
    np.testing.assert_array_equal(CentreCrop(side)(PadSquare(size)(before)).image, before.image)
    padded = PadSquare(size)(numbered(side, other)).mask
    assert padded.sum() == side * other
    assert len(padded) == max(side, other, size)


def test_places_of_a_crop() -> None:
    picture = block(slice(3, 6), slice(8, 13))
    np.testing.assert_array_equal(Crop()(picture).image, picture.image[3:6, 8:13])
    np.testing.assert_array_equal(Crop(2)(picture).image, picture.image[1:8, 6:14])
    np.testing.assert_array_equal(Crop(99)(picture).image, picture.image)


def test_places_of_a_centre_crop() -> None:
    """As `torchvision.transforms.CenterCrop` where the rest is even."""
    picture = numbered(10, 14)
    np.testing.assert_array_equal(CentreCrop(4)(picture).image, picture.image[3:7, 5:9])
    np.testing.assert_array_equal(CentreCrop(5)(picture).image, picture.image[2:7, 4:9])


def test_padding_is_black_and_no_cell() -> None:
    padded = PadSquare()(numbered(3, 6))
    np.testing.assert_array_equal(padded.image[1:4], numbered(3, 6).image)
    assert not padded.image[[0, 4, 5]].any()
    assert not padded.mask[[0, 4, 5]].any()


def test_a_cell_outside_the_centre_is_an_error() -> None:
    with pytest.raises(ValueError, match="no pixel of the cell is left; crop to the cell first"):
        CentreCrop(4)(block(slice(0, 2), slice(0, 14)))
    assert CentreCrop(2)(Crop()(block(slice(0, 2), slice(0, 14)))).mask.all()


def test_a_nucleus_outside_the_centre_is_left_empty() -> None:
    picture = numbered(10, 10)._replace(nucleus=block(slice(0, 2), slice(0, 2), 10, 10).mask)
    nucleus = CentreCrop(4)(picture).nucleus
    assert nucleus is not None
    assert not nucleus.any()


def test_an_image_that_is_too_small_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ValueError, match=r"10 x 14 px .height x width., less than 12.*pad_square\[size=12\]"):
        CentreCrop(12)(numbered(10, 14))


def test_a_long_strip_does_not_become_a_square_without_bound() -> None:
    strip = Picture(np.ones((1, MAX_SIDE + 1, 3), dtype=np.uint8), np.ones((1, MAX_SIDE + 1), dtype=np.bool_))
    with pytest.raises(ValueError, match=f"the largest square is {MAX_SIDE} px"):
        PadSquare()(strip)
