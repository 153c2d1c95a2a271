"""Windows that lie wholly inside a region, against counting."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from extractors.handcrafted.framework.windows import complete_windows


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4), (3, 2), (5, 5), (17, 1), (17, 23)])
@pytest.mark.parametrize("share", [0.5, 0.97, 1.0])
def test_a_window_is_complete_if_all_its_pixels_are_in_the_mask(height: int, width: int, share: float) -> None:
    mask = np.random.default_rng(0).random((17, 23)) < share
    expected = sliding_window_view(mask, (height, width)).all(axis=(2, 3))
    np.testing.assert_array_equal(complete_windows(mask, height, width), expected)


def test_a_window_larger_than_the_mask_has_no_position() -> None:
    mask = np.ones((4, 7), dtype=bool)
    assert complete_windows(mask, 5, 2).shape == (0, 6)
    assert complete_windows(mask, 2, 9).shape == (3, 0)
    assert not complete_windows(mask, 9, 9).size
