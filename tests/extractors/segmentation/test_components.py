"""Pieces of a mask and the holes in them."""

from __future__ import annotations

import numpy as np

from extractors.segmentation.components import components, fill_holes, largest_component


def test_a_bay_that_reaches_the_frame_is_no_hole() -> None:
    mask = np.ones((20, 20), dtype=bool)
    mask[8:12, 5:] = False
    np.testing.assert_array_equal(fill_holes(mask), mask)


def test_holes_may_touch_the_region_by_corners_only() -> None:
    ring = np.zeros((7, 7), dtype=bool)
    ring[1:6, 1:6] = True
    ring[2:5, 2:5] = False
    ring[1, 1] = False
    # (1, 1) is outside; the hole meets it across a corner, which does not open it.
    filled = fill_holes(ring)
    assert filled[2:5, 2:5].all()
    assert not filled[1, 1]


def test_debris_is_all_but_the_largest_piece() -> None:
    mask = np.zeros((12, 12), dtype=bool)
    mask[1:5, 1:5] = mask[5, 5] = mask[8:10, 8:11] = mask[11, 0] = True
    # (5, 5) meets the square across a corner.
    labels, areas = components(mask)
    assert sorted(areas) == [1, 6, 17]
    assert areas.sum() == np.count_nonzero(labels) == np.count_nonzero(mask)
    largest = largest_component(mask)
    assert np.count_nonzero(largest) == 17
    assert largest[5, 5]
    assert not largest[8, 8]


def test_an_empty_mask_has_no_components() -> None:
    nothing = np.zeros((4, 5), dtype=bool)
    assert not len(components(nothing)[1])
    assert not largest_component(nothing).any()
    assert largest_component(~nothing).all()
