from __future__ import annotations

import numpy as np
import pytest

from extractors.cells import Cell
from extractors.networks.training.data import channel_statistics, pixel_stack, square_crop


def block(height: int, width: int, *, frame: int = 40) -> Cell:
    image = np.zeros((frame, frame, 3), dtype=np.uint8)
    image[5 : 5 + height, 7 : 7 + width] = (200, 100, 50)
    return Cell("block", image)


def test_the_crop_is_the_masks_box_centred_on_a_square() -> None:
    square = square_crop(block(8, 16), 16)
    assert (square[:4] == 0).all()
    assert (square[4:12] == (200, 100, 50)).all()
    assert (square[12:] == 0).all()


def test_shrinking_averages_and_growing_interpolates() -> None:
    image = np.zeros((32, 32, 3), dtype=np.uint8)
    image[::2] = 200
    whole = np.ones((32, 32), dtype=np.bool_)
    assert (square_crop(Cell("stripes", image, whole), 16) == 100).all()
    assert square_crop(Cell("stripes", image, whole), 64).shape == (64, 64, 3)


def test_the_stack_has_the_order_of_the_cells_for_any_threads() -> None:
    cells = [Cell(str(i), np.full((9, 9, 3), 10 * i + 1, dtype=np.uint8), np.ones((9, 9), np.bool_)) for i in range(12)]
    alone, together = pixel_stack(cells, 16), pixel_stack(cells, 16, threads=4)
    assert alone.dtype == np.uint8
    assert np.array_equal(alone, together)
    assert alone[:, 0, 0, 0].tolist() == [10 * i + 1 for i in range(12)]


def test_an_empty_mask_raises() -> None:
    empty = Cell("E7", np.full((9, 9, 3), 5, dtype=np.uint8), np.zeros((9, 9), np.bool_))
    with pytest.raises(ValueError, match="cell E7: its mask is empty"):
        pixel_stack([block(4, 4), empty], 16)


def test_statistics_equal_numpys() -> None:
    stack = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    mean, std = channel_statistics(stack)
    assert mean.dtype == std.dtype == np.float32
    np.testing.assert_allclose(mean, (stack / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, (stack / 255).std(axis=(0, 1, 2)), rtol=1e-6)


def test_a_constant_channel_has_unit_deviation() -> None:
    mean, std = channel_statistics(np.full((2, 4, 4, 3), 51, dtype=np.uint8))
    np.testing.assert_allclose(mean, 0.2, rtol=1e-6)
    assert std.tolist() == [1, 1, 1]
