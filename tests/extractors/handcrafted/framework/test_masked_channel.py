"""What texture families share of a plane: its whole numbers, and the pixels away from the region's edge."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.handcrafted.framework.masked_channel import INTEGER_BITS, MaskedChannel


def test_whole_numbers_stay_as_they_are() -> None:
    exact = np.array([[255_000, 0], [299, 7]], dtype=np.int32)
    whole, unit = MaskedChannel(exact, np.ones((2, 2), dtype=bool), 1000).whole
    np.testing.assert_array_equal(whole, exact)
    assert unit == 1 / 1000


@pytest.mark.parametrize("scale", [1e-3, 1.0, 2.4, 100.0])
def test_other_numbers_are_rounded_to_18_bits_of_the_largest(scale: float) -> None:
    exact = (np.random.default_rng(0).uniform(-scale, scale, (40, 30))).astype(np.float32)
    exact[0, :2] = exact[5, 5]
    plane = MaskedChannel(exact, np.ones(exact.shape, dtype=bool))
    whole, unit = plane.integers
    assert 2 ** (INTEGER_BITS - 1) <= np.abs(whole).max() <= 2**INTEGER_BITS
    np.testing.assert_allclose(whole * unit, exact, atol=unit / 2, rtol=0)
    assert whole[0, 0] == whole[0, 1] == whole[5, 5]
    np.testing.assert_array_equal(MaskedChannel(-exact, plane.mask).whole[0], -whole)


def test_the_background_does_not_set_the_step() -> None:
    exact = np.array([[0.25, 0.5, 1e6]], dtype=np.float32)
    whole, unit = MaskedChannel(exact, np.array([[True, True, False]])).whole
    assert (whole * unit).tolist() == [[0.25, 0.5, 0.0]]


@pytest.mark.parametrize("reach", [1, 2, 3, 7])
def test_the_core_has_its_whole_square_in_the_mask(reach: int) -> None:
    mask = np.random.default_rng(reach).random((40, 50)) < 1 - 0.02 / reach**2
    mask[:, 20] = reach < 3
    padded, size = np.pad(mask, reach), 2 * reach + 1
    expected = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).all(axis=(2, 3))
    assert 0 < expected.sum() < mask.sum()
    np.testing.assert_array_equal(MaskedChannel(np.zeros(mask.shape, dtype=np.int32), mask).core(reach), expected)
