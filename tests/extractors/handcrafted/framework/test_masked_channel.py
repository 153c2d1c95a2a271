"""What texture families share of a plane: its integers numbers, and the pixels away from the region's edge."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.handcrafted.framework.masked_channel import INTEGER_BITS, MaskedChannel


def test_integers_are_unchanged() -> None:
    exact = np.array([[255_000, 0], [299, 7]], dtype=np.int32)
    integers, unit = MaskedChannel(exact, np.ones((2, 2), dtype=bool), 1000).integers
    np.testing.assert_array_equal(integers, exact)
    assert unit == 1 / 1000


@pytest.mark.parametrize("scale", [1e-3, 1.0, 2.4, 100.0])
def test_floats_are_rounded_to_18_bits_of_the_largest(scale: float) -> None:
    exact = (np.random.default_rng(0).uniform(-scale, scale, (40, 30))).astype(np.float32)
    exact[0, :2] = exact[5, 5]
    plane = MaskedChannel(exact, np.ones(exact.shape, dtype=bool))
    integers, unit = plane.integers
    assert 2 ** (INTEGER_BITS - 1) <= np.abs(integers).max() <= 2**INTEGER_BITS
    np.testing.assert_allclose(integers * unit, exact, atol=unit / 2, rtol=0)
    assert integers[0, 0] == integers[0, 1] == integers[5, 5]
    np.testing.assert_array_equal(MaskedChannel(-exact, plane.mask).integers[0], -integers)


def test_the_background_does_not_set_the_step() -> None:
    exact = np.array([[0.25, 0.5, 1e6]], dtype=np.float32)
    integers, unit = MaskedChannel(exact, np.array([[True, True, False]])).integers
    assert (integers * unit).tolist() == [[0.25, 0.5, 0.0]]


@pytest.mark.parametrize("reach", [1, 2, 3, 7])
def test_the_core_is_the_erosion_by_a_square(reach: int) -> None:
    mask = np.random.default_rng(reach).random((40, 50)) < 1 - 0.02 / reach**2
    mask[:, 20] = reach < 3
    padded, size = np.pad(mask, reach), 2 * reach + 1
    expected = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).all(axis=(2, 3))
    assert 0 < expected.sum() < mask.sum()
    np.testing.assert_array_equal(MaskedChannel(np.zeros(mask.shape, dtype=np.int32), mask).core(reach), expected)
