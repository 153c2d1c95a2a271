"""Mask quality of synthetic cells with known debris, holes and nucleus."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from extractors.segmentation.foreground import foreground_mask, lit_pixels
from extractors.segmentation.quality import MaskQuality, mask_quality

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PALE, DARK = (170, 150, 190), (80, 40, 120)


def square(side: int, top: int = 20, left: int = 20) -> Mask:
    mask = np.zeros((80, 80), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def painted(lit: Mask, nucleus: Mask | None = None) -> Image:
    image = np.zeros((80, 80, 3), dtype=np.uint8)
    image[lit] = PALE
    if nucleus is not None:
        image[nucleus] = DARK
    return image


def judged(image: Image) -> MaskQuality:
    return mask_quality(image, foreground_mask(image), lit=lit_pixels(image))


def test_debris_and_holes_are_counted() -> None:
    cell, nucleus, hole = square(40), square(24, 22, 22), square(5, 50, 50)
    debris = square(4, 2, 2) | square(3, 70, 70)
    quality = judged(painted((cell & ~hole) | debris, nucleus))
    lit = 40 * 40 - 25 + 16 + 9
    assert quality == MaskQuality(
        area_px=1600,
        pieces=1,
        debris=2,
        debris_share=25 / lit,
        hole_share=25 / 1600,
        frame_px=0,
        nucleus="found",
        nucleus_ratio=pytest.approx(24 * 24 / 1600, rel=0.02),
    )


def test_a_ring_of_debris_around_nothing_is_one_piece() -> None:
    ring = square(12, 62, 2) & ~square(8, 64, 4)
    quality = judged(painted(square(40) | ring, square(24, 22, 22)))
    assert (quality.debris, quality.debris_share) == (1, pytest.approx(80 / 1680))


def test_contact_with_the_frame_is_its_longest_run() -> None:
    assert judged(painted(square(40, 0, 20))).frame_px == 40
    assert judged(painted(square(30, 50, 0))).frame_px == 30
    assert judged(painted(square(40, 1, 1))).frame_px == 0


@pytest.mark.parametrize(("side", "status"), [(24, "found"), (14, "implausible ratio")])
def test_rejected_nuclei_have_a_ratio(side: int, status: str) -> None:
    quality = judged(painted(square(40), square(side, 25, 25)))
    assert quality.nucleus == status
    assert quality.nucleus_ratio == pytest.approx(side**2 / 1600, rel=0.03)


def test_a_flat_cell_has_no_contrast() -> None:
    quality = judged(painted(square(40)))
    assert (quality.nucleus, quality.nucleus_ratio) == ("no contrast", None)


@pytest.mark.parametrize(
    ("nucleus", "ratio"),
    [
        (square(20), 0.25),
        (square(8), 0.04),
        (square(40), 1.0),
        (square(40) & False, 0.0),
    ],
)
def test_a_user_mask_of_the_nucleus_is_unchanged(nucleus: Mask, ratio: float) -> None:
    mask = square(40)
    quality = mask_quality(painted(mask, square(24)), mask, nucleus=nucleus)
    assert (quality.nucleus, quality.nucleus_ratio) == ("given", ratio)


def test_a_user_mask_is_not_cleaned_but_its_components_and_holes_are_measured() -> None:
    mask = (square(40) & ~square(10, 30, 30)) | square(5, 70, 70)
    quality = mask_quality(painted(mask), mask)
    assert (quality.area_px, quality.pieces, quality.debris, quality.debris_share) == (1600 - 100 + 25, 2, 0, 0.0)
    assert quality.hole_share == pytest.approx(100 / 1625)


def test_degenerate_masks_are_valid() -> None:
    empty = np.zeros((5, 6), dtype=bool)
    image = np.zeros((5, 6, 3), dtype=np.uint8)
    assert mask_quality(image, empty) == MaskQuality(0, 0, 0, 0.0, 0.0, 0, "no contrast", None)
    one = np.ones((1, 1), dtype=bool)
    assert mask_quality(np.full((1, 1, 3), 90, np.uint8), one) == MaskQuality(1, 1, 0, 0.0, 0.0, 1, "no contrast", None)
