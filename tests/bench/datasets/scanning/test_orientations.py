from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.datasets.scanning.orientations import ORIENTATIONS, oriented, picture_digest

IMAGES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3), elements=st.integers(0, 3))
)


def turns(image: np.ndarray) -> list[np.ndarray]:
    """The eight orientations as NumPy makes them: four quarter turns of the image and of its mirror image."""
    return [np.rot90(side, k) for side in (image, image[:, ::-1]) for k in range(4)]


def test_the_orientations_are_the_eight_of_a_square() -> None:
    image = np.arange(4 * 5 * 3).reshape(4, 5, 3)
    ours = {(o.shape, o.tobytes()) for o in (oriented(image, orientation) for orientation in ORIENTATIONS)}
    assert ours == {(t.shape, t.tobytes()) for t in turns(image)}
    assert len(ours) == 8
    assert np.array_equal(oriented(image, ORIENTATIONS[0]), image)


@given(IMAGES)
def test_all_orientations_share_a_digest(image: np.ndarray) -> None:
    assert {picture_digest(np.ascontiguousarray(turned)) for turned in turns(image)} == {picture_digest(image)}


@given(IMAGES, IMAGES)
def test_other_images_have_another_digest(one: np.ndarray, two: np.ndarray) -> None:
    same = any(turned.shape == two.shape and np.array_equal(turned, two) for turned in turns(one))
    assert (picture_digest(one) == picture_digest(two)) == same


def test_images_whose_row_and_column_sums_tie_have_different_digests() -> None:
    one, two = np.zeros((2, 3, 3, 3), np.uint8)
    one[[0, 1, 2], [0, 1, 2]] = 9
    two[[0, 1, 2], [1, 2, 0]] = 9
    assert one.sum(axis=(0, 2)).tolist() == two.sum(axis=(0, 2)).tolist()
    assert picture_digest(one) != picture_digest(two)
    assert {picture_digest(np.ascontiguousarray(turned)) for turned in turns(two)} == {picture_digest(two)}


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_changed_grey_level_changes_the_digest(channel: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    changed = image.copy()
    changed[4, 3, channel] ^= 1
    assert picture_digest(changed) != picture_digest(image)


def test_colours_that_change_places_change_the_digest() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert picture_digest(np.ascontiguousarray(image[..., ::-1])) != picture_digest(image)
