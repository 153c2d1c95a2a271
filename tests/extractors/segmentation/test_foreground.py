"""The mask of a cell on black: drawn truth, JPEG against lossless."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors.segmentation.foreground import foreground_mask, has_ringing, is_rectangle, lit_pixels

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def disc(radius: float, *, size: int = 101, centre: tuple[float, float] = (50, 50)) -> Mask:
    y, x = np.mgrid[:size, :size]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) <= radius)


def painted(*layers: tuple[Mask, tuple[int, int, int]]) -> Image:
    image = np.zeros((*layers[0][0].shape, 3), dtype=np.uint8)
    for mask, colour in layers:
        image[mask] = colour
    return image


def as_jpeg(image: Image, quality: int) -> Image:
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def test_foreground_is_the_largest_component_without_holes() -> None:
    cell, hole, debris = disc(30), disc(6), disc(4, centre=(95, 95))
    image = painted((cell | debris, (120, 60, 140)), (hole, (0, 0, 0)))
    np.testing.assert_array_equal(foreground_mask(image), cell)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_channel_is_enough_to_be_foreground(channel: int) -> None:
    image = np.zeros((101, 101, 3), dtype=np.uint8)
    image[disc(20), channel] = 1
    np.testing.assert_array_equal(foreground_mask(image), disc(20))


def test_black_throughout_is_an_empty_mask() -> None:
    black = np.zeros((30, 30, 3), dtype=np.uint8)
    assert not foreground_mask(black).any()
    assert not foreground_mask(black, lossy=True).any()


@pytest.mark.parametrize("lossy", [False, True])
def test_a_bright_frame_names_the_option(lossy: bool) -> None:
    bright = painted((np.ones((101, 101), dtype=bool), (230, 225, 240)), (disc(30), (120, 60, 140)))
    with pytest.raises(ValueError, match=r"not black.*--mask FOLDER.*--mask whole"):
        foreground_mask(bright, lossy=lossy)


def test_a_cell_may_touch_less_than_half_of_the_border() -> None:
    cell = disc(45, centre=(20, 50))
    np.testing.assert_array_equal(foreground_mask(painted((cell, (90, 40, 90)))), cell)


@pytest.mark.parametrize(
    ("quality", "median", "worst"), [(95, 0.01, 0.03), (90, 0.01, 0.03), (75, 0.01, 0.03), (50, 0.01, 0.03)]
)
def test_jpeg_masks_have_the_area_of_lossless_ones(
    real_cells: list[Image], quality: int, median: float, worst: float
) -> None:
    changes = []
    for image in real_cells[::2]:
        lossless = np.count_nonzero(foreground_mask(image))
        changes.append(np.count_nonzero(foreground_mask(as_jpeg(image, quality), lossy=True)) / lossless - 1)
    assert abs(np.median(changes)) < median
    assert np.abs(changes).max() < worst


def test_without_the_margin_jpeg_would_inflate_the_area(real_cells: list[Image]) -> None:
    inflated = []
    for image in real_cells[::4]:
        above_zero = as_jpeg(image, 90).max(axis=2) > 0
        inflated.append(np.count_nonzero(above_zero) / np.count_nonzero(foreground_mask(image)) - 1)
    assert np.median(inflated) > 0.1


@pytest.mark.parametrize("quality", [98, 90, 75, 50])
def test_an_image_that_was_a_jpeg_has_the_area_of_the_lossless_one(real_cells: list[Image], quality: int) -> None:
    changes = []
    for image in real_cells[::4]:
        saved_again = as_jpeg(image, quality)
        assert has_ringing(saved_again)
        assert not has_ringing(image)
        area = np.count_nonzero(foreground_mask(image))
        changes.append(np.count_nonzero(foreground_mask(saved_again)) / area - 1)
    assert np.abs(changes).max() < 0.03


@pytest.mark.parametrize("angle", [0, 30, 45])
@pytest.mark.parametrize("interpolation", [cv2.INTER_NEAREST, cv2.INTER_LINEAR])
def test_an_image_with_a_black_border_is_a_rectangle(angle: int, interpolation: int) -> None:
    image = np.zeros((160, 160, 3), dtype=np.uint8)
    image[40:120, 30:130] = np.random.default_rng(0).integers(90, 255, (80, 100, 3))
    turn = cv2.getRotationMatrix2D((80, 80), angle, 1)
    turned = np.asarray(cv2.warpAffine(image, turn, (160, 160), flags=interpolation), dtype=np.uint8)
    assert is_rectangle(foreground_mask(turned))


def test_round_cells_are_no_rectangles(real_cells: list[Image]) -> None:
    y, x = np.mgrid[:101, :101]
    superellipse = ((x - 50) / 40) ** 4 + ((y - 50) / 30) ** 4 <= 1
    assert not is_rectangle(superellipse)
    assert not any(is_rectangle(foreground_mask(image)) for image in real_cells)


def test_dark_cells_and_black_images_have_no_ringing() -> None:
    assert not has_ringing(np.zeros((30, 30, 3), dtype=np.uint8))
    assert not has_ringing(np.full((30, 30, 3), 10, dtype=np.uint8))
    dark_hole = painted((disc(30), (120, 60, 140)), (disc(7), (9, 5, 12)))
    assert not has_ringing(dark_hole)


def test_lit_pixels_keep_debris_and_holes() -> None:
    cell, hole, debris = disc(30), disc(6), disc(4, centre=(95, 95))
    image = painted((cell | debris, (120, 60, 140)), (hole, (0, 0, 0)))
    np.testing.assert_array_equal(lit_pixels(image), (cell & ~hole) | debris)
