"""The box around a mask."""

from __future__ import annotations

import numpy as np

from extractors.segmentation.bounds import bounds


def test_the_box_holds_every_pixel_and_no_empty_side() -> None:
    mask = np.zeros((9, 12), dtype=np.bool_)
    mask[2, 7] = mask[5, 3] = True
    assert bounds(mask) == (slice(2, 6), slice(3, 8))
    assert bounds(mask.T) == (slice(3, 8), slice(2, 6))


def test_an_empty_mask_has_an_empty_box() -> None:
    nothing = np.zeros((4, 5), dtype=np.bool_)
    assert nothing[bounds(nothing)].size == 0
