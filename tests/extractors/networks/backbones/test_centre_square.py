"""The square in the centre of a frame, resized as the frame would be."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.cells import Cell
from extractors.networks.backbones.centre_square import CentreSquare
from extractors.networks.backbones.resize_crop import ResizeCrop

FRAME = ResizeCrop((24, 24), (28, 28), "shorter", "bicubic", (0.5,) * 3, (0.5,) * 3, (0, 0, 0))


def cell(height: int, width: int) -> Cell:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Cell("a", image, rng.random((height, width)) < 0.5)


@pytest.mark.parametrize(("height", "width", "side"), [(60, 60, 40), (61, 70, 41), (45, 80, 30)])
def test_the_square_is_cut_from_the_centre(height: int, width: int, side: int) -> None:
    one, square = cell(height, width), CentreSquare(FRAME, side)
    top, left = (height - side) // 2, (width - side) // 2
    part = Cell("b", *(x[top : top + side, left : left + side].copy() for x in (one.image, one.mask)))
    np.testing.assert_array_equal(square(one), FRAME(part))
    np.testing.assert_array_equal(square.mask(one), FRAME.mask(part))
    assert square.size == (24, 24)
    assert hash(square) == hash(CentreSquare(FRAME, side))


def test_a_smaller_frame_is_padded_with_black() -> None:
    one = cell(20, 24)
    image = np.zeros((40, 40, 3), dtype=np.uint8)
    image[10:30, 8:32] = one.image
    mask = np.zeros((40, 40), dtype=np.bool_)
    mask[10:30, 8:32] = one.mask
    square, padded = CentreSquare(FRAME, 40), Cell("b", image, mask)
    np.testing.assert_array_equal(square(one), FRAME(padded))
    np.testing.assert_array_equal(square.mask(one), FRAME.mask(padded))
