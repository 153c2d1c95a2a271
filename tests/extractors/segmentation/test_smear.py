"""A white cell is segmented among synthetic red cells on bright plasma."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors.cells import Cell, CellFile
from extractors.segmentation.smear import smear_mask

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PLASMA, RED, PALE, DARK = (252, 232, 208), (215, 160, 165), (205, 190, 215), (85, 50, 140)


def disc(radius: float, x: float, y: float) -> Mask:
    rows, columns = np.mgrid[:200, :200]
    return np.asarray(np.hypot(columns - x, rows - y) <= radius)


def smear(seed: int, *, touching: bool = True) -> tuple[Image, Mask]:
    """A cell of radius 42 px with a nucleus of two lobes, red cells around it, and its mask."""
    rng = np.random.default_rng(seed)
    cell = disc(42, 98, 103)
    image = np.full((200, 200, 3), PLASMA, np.float64)
    places = [(30, 30), (165, 35), (30, 170), (170, 172), *([(98, 38)] if touching else [])]
    for x, y in places:
        image[disc(24, x, y)] = RED
    image[cell] = PALE
    image[disc(19, 88, 95) | disc(17, 108, 115)] = DARK
    return (cv2.GaussianBlur(image, (0, 0), 1) + rng.normal(0, 3, image.shape)).clip(0, 255).astype(np.uint8), cell


def dice(one: Mask, other: Mask) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


@pytest.mark.parametrize("touching", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_white_cell_is_segmented_with_and_without_a_touching_red_cell(seed: int, touching: bool) -> None:
    image, cell = smear(seed, touching=touching)
    assert dice(smear_mask(image), cell) > 0.97


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr])
def test_the_mask_is_equivariant_under_quarter_turns_and_flips(turn: Callable[..., npt.NDArray[np.uint8]]) -> None:
    image, _ = smear(0)
    assert dice(smear_mask(np.ascontiguousarray(turn(image))), np.asarray(turn(smear_mask(image)))) > 0.999


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (30, 20)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_has_an_empty_mask(shape: tuple[int, int], level: int) -> None:
    mask = smear_mask(np.full((*shape, 3), level, np.uint8))
    assert mask.shape == shape
    assert not mask.any()


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 40), (40, 3), (9, 9)])
def test_noise_of_any_size_is_valid(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert smear_mask(image).shape == shape


def test_a_cell_file_selects_it(tmp_path: Path) -> None:
    image, _ = smear(1)
    assert cv2.imwrite(str(tmp_path / "c.png"), image[..., ::-1])
    result = Cell.from_file(CellFile("c", str(tmp_path / "c.png"), mask_by="smear")).mask
    np.testing.assert_array_equal(result, smear_mask(image))
