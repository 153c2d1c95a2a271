"""The background becomes black or the cell's mean colour, or stays."""

from __future__ import annotations

import numpy as np

from extractors.preparation.background import Mask
from extractors.preparation.step import Picture

IMAGE = np.array([[[10, 20, 30], [13, 20, 31], [99, 98, 97]]], dtype=np.uint8)
PICTURE = Picture(IMAGE, np.array([[True, True, False]]))


def test_the_background_gets_one_colour() -> None:
    """11.5 and 30.5 are rounded to the even neighbour."""
    for to, colour in (("black", (0, 0, 0)), ("mean", (12, 20, 30)), ("leave", (99, 98, 97))):
        after = Mask(to)(PICTURE)
        np.testing.assert_array_equal(after.image[0, :2], IMAGE[0, :2])
        assert tuple(after.image[0, 2]) == colour
        np.testing.assert_array_equal(after.mask, PICTURE.mask)


def test_leave_is_equivalent_to_omitting_the_step() -> None:
    assert Mask("leave").is_identity
    assert not Mask("black").is_identity
    assert Mask("leave")(PICTURE) is PICTURE
