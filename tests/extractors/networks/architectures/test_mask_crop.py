"""Crops of cells to their masks."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.cells import Cell
from extractors.networks.architectures.mask_crop import MaskCrop


def test_the_bounding_box_is_centred_on_a_square() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[5:13, 7:23] = (200, 100, 50)
    square = MaskCrop(16)(Cell("block", image))
    assert (square[:4] == 0).all()
    assert (square[4:12] == (200, 100, 50)).all()
    assert (square[12:] == 0).all()


def test_shrinking_averages_and_enlarging_interpolates() -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[::2] = 200
    stripes = Cell("stripes", image, np.ones((32, 32), dtype=np.bool_))
    assert (MaskCrop(16)(stripes) == 100).all()
    assert MaskCrop(64)(stripes).shape == (64, 64, 3)


def test_an_empty_mask_raises() -> None:
    empty = Cell("E7", np.full((9, 9, 3), 5, dtype=np.uint8), np.zeros((9, 9), np.bool_))
    with pytest.raises(ValueError, match="cell E7: its mask is empty"):
        MaskCrop(16)(empty)


def test_the_mask_has_the_geometry_of_the_image() -> None:
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[5:13, 7:23] = 200
    cell = Cell("block", image)
    for side in (16, 32):
        np.testing.assert_array_equal(MaskCrop(side).mask(cell), MaskCrop(side)(cell)[..., 0] > 100)
    mask = MaskCrop(16).mask(cell)
    assert mask.dtype == np.bool_
    assert mask[4:12].all()
    assert mask.sum() == 8 * 16
