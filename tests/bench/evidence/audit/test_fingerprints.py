from __future__ import annotations

import imagehash
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from bench.datasets.scanning.orientations import ORIENTATIONS, oriented
from bench.evidence.audit.fingerprints import SIDE, hashes, thumbnail


def cell(seed: int, size: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """A textured ellipse on black, off the middle, and its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    mask = ((x - 50) / 30) ** 2 + ((y - 38) / 24) ** 2 <= 1
    texture = gaussian_filter(rng.normal(size=(size, size, 3)), (2, 2, 0))
    image = np.clip(120 + 200 * texture, 1, 255).astype(np.uint8)
    image[~mask] = 0
    return image, mask


def bits(words: np.ndarray) -> np.ndarray:
    return np.unpackbits(words.view(np.uint8), axis=-1).astype(bool)


def test_each_orientation_has_the_hash_that_imagehash_gives_the_turned_thumbnail() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE), dtype=np.uint8)
    ours = hashes(grey)
    assert ours.shape == (5, 8, 4)
    for picture, words in zip(grey, ours, strict=True):
        for orientation, word in zip(ORIENTATIONS, words, strict=True):
            turned = Image.fromarray(np.ascontiguousarray(oriented(picture, orientation)))
            assert np.array_equal(bits(word), imagehash.phash(turned, hash_size=16).hash.ravel())


@pytest.mark.parametrize("seed", range(5))
def test_the_hash_of_a_crop_is_that_of_imagehash_and_its_turns_are_near(seed: int) -> None:
    image, mask = cell(seed)
    ours = hashes(thumbnail(image, mask)[0][None])[0]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    crop = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    for place, orientation in enumerate(ORIENTATIONS):
        turned = Image.fromarray(np.ascontiguousarray(oriented(crop, orientation)))
        differ = int((bits(ours[place]) != imagehash.phash(turned, hash_size=16).hash.ravel()).sum())
        # Turning before or after the crop is made small differs by rounded grey levels.
        assert differ == 0 if place == 0 else differ <= 12


def test_the_crop_follows_the_cell() -> None:
    image, mask = cell(3)
    moved = np.roll(image, (7, -9), axis=(0, 1)), np.roll(mask, (7, -9), axis=(0, 1))
    one, two = thumbnail(image, mask), thumbnail(*moved)
    for ours, theirs in zip(one, two, strict=True):
        assert np.array_equal(ours, theirs)


def test_the_inside_of_a_thumbnail_is_the_ellipse_in_its_box() -> None:
    _, mask = cell(0)
    _, inside = thumbnail(*cell(0))
    assert inside.shape == (SIDE, SIDE)
    box = mask[mask.any(axis=1)][:, mask.any(axis=0)]
    assert inside.mean() == pytest.approx(box.mean(), abs=0.01)
    assert mask.mean() < 0.3 < inside.mean()
