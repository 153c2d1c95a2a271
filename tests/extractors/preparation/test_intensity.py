"""Equalisation against OpenCV and scikit-image; CLAHE against the steps that people write by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.exposure import equalize_hist

from extractors.preparation.geometry import PadSquare
from extractors.preparation.intensity import Clahe, Equalise
from extractors.preparation.step import Picture


def noisy(seed: int = 0, spread: float = 25, full_frame: bool = True) -> Picture:
    image = np.random.default_rng(seed).normal((150, 90, 130), spread, (60, 70, 3)).clip(0, 255).astype(np.uint8)
    mask = np.ones((60, 70), dtype=np.bool_)
    if not full_frame:
        mask[:20] = mask[:, 50:] = False
        image[~mask] = 0
    return Picture(image, mask)


@pytest.mark.parametrize("seed", range(5))
def test_each_channel_of_a_full_frame_is_equalised_like_opencv(seed: int) -> None:
    picture = noisy(seed)
    expected = [cv2.equalizeHist(np.ascontiguousarray(picture.image[..., channel])) for channel in range(3)]
    np.testing.assert_array_equal(Equalise("rgb")(picture).image, np.stack(expected, axis=-1))


def test_the_histogram_is_that_of_the_cell() -> None:
    """scikit-image's has no correction for the darkest level, whose share it is."""
    picture = noisy(full_frame=False)
    for channel in range(3):
        values = picture.image[..., channel]
        expected = equalize_hist(values, mask=picture.mask)[picture.mask]
        darkest = expected.min()
        result = Equalise("rgb")(picture).image[..., channel][picture.mask]
        np.testing.assert_allclose(result, (expected - darkest) / (1 - darkest) * 255, atol=0.51)
        assert (result.min(), result.max()) == (0, 255)


def test_luminance_is_equalised_and_colour_differences_stay() -> None:
    picture = noisy(spread=6, full_frame=False)
    picture = picture._replace(image=np.where(picture.mask[..., None], picture.image // 4 + 90, 0).astype(np.uint8))
    luma = cv2.cvtColor(picture.image, cv2.COLOR_RGB2GRAY)
    done = Equalise()(picture).image
    shift = done.astype(int) - picture.image
    inside = picture.mask & (done.min(axis=2) > 0) & (done.max(axis=2) < 255)
    assert inside.sum() > 0.6 * picture.mask.sum()
    assert np.ptp(shift[inside], axis=1).max() == 0
    expected = cv2.equalizeHist(luma[picture.mask][None])[0]
    np.testing.assert_array_equal(luma[inside] + shift[inside, 0], expected[inside[picture.mask]])


@pytest.mark.parametrize("channels", ["luminance", "rgb"])
def test_a_flat_cell_stays(channels: str) -> None:
    flat = noisy(full_frame=False)
    image = np.where(flat.mask[..., None], np.array([9, 120, 240], dtype=np.uint8), flat.image)
    np.testing.assert_array_equal(Equalise(channels)(flat._replace(image=image)).image, image)


@pytest.mark.parametrize(("clip", "tiles"), [(2.0, 8), (3.5, 4)])
def test_clahe_is_opencvs_on_lightness(clip: float, tiles: int) -> None:
    picture = noisy(full_frame=False)
    lab = cv2.cvtColor(picture.image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=clip, tileGridSize=(tiles, tiles)).apply(lab[..., 0])
    expected = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    done = Clahe(clip, tiles)(picture).image
    np.testing.assert_array_equal(done[picture.mask], expected[picture.mask])
    assert not done[~picture.mask].any()


def test_more_tiles_than_pixels_are_an_error() -> None:
    one = Picture(np.zeros((7, 90, 3), dtype=np.uint8), np.ones((7, 90), dtype=np.bool_))
    with pytest.raises(ValueError, match=r"7 x 90 px .height x width., too small for 8 tiles; .*pad_square.size=8."):
        Clahe()(one)
    assert Clahe()(PadSquare(8)(one)).image.shape == (90, 90, 3)
    assert Clahe(tiles=7)(one).image.shape == (7, 90, 3)
