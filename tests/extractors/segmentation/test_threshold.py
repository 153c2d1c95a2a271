"""Thresholds segment the stained object at the centre of synthetic images; real ones are in `test_expert_masks`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from extractors.cells import Cell, CellFile
from extractors.segmentation.central import central_component, central_weight
from extractors.segmentation.threshold import HsvMask, OtsuMask, ThresholdMask, equalised

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PLASMA, PALE, DARK = (252, 232, 208), (205, 190, 215), (85, 50, 140)


def disc(radius: float, x: float, y: float) -> Mask:
    rows, columns = np.mgrid[:200, :200]
    return np.asarray(np.hypot(columns - x, rows - y) <= radius)


def cell(seed: int = 0, background: tuple[int, int, int] = PLASMA) -> tuple[Image, Mask, Mask]:
    """A cell of radius 50 px with a nucleus of 30 px, a nucleus in a corner and another at the frame; both masks."""
    rng = np.random.default_rng(seed)
    body, nucleus = disc(50, 98, 103), disc(30, 94, 100)
    image = np.full((200, 200, 3), background, np.float64)
    if background != (0, 0, 0):
        image[disc(20, 30, 30)] = DARK
        image[disc(45, 200, 190)] = DARK
    image[body] = PALE
    image[nucleus] = DARK
    noisy = cv2.GaussianBlur(image, (0, 0), 1) + rng.normal(0, 3, image.shape)
    noisy = noisy.clip(0, 255).astype(np.uint8)
    if background == (0, 0, 0):
        noisy[~body] = 0
    return noisy, body, nucleus


def dice(one: Mask, other: Mask) -> float:
    return float(2 * np.count_nonzero(one & other) / max(1, np.count_nonzero(one) + np.count_nonzero(other)))


METHODS = [OtsuMask(), OtsuMask(channel="red"), OtsuMask(channel="grey"), HsvMask()]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_central_nucleus_is_segmented(method: ThresholdMask, seed: int) -> None:
    image, _, nucleus = cell(seed)
    assert dice(method(image), nucleus) > 0.97


@pytest.mark.parametrize("method", [*METHODS, OtsuMask(equalise=True)], ids=str)
def test_on_black_the_nucleus_of_the_cell_is_segmented(method: ThresholdMask) -> None:
    image, body, nucleus = cell(0, (0, 0, 0))
    mask = method(image)
    assert not (mask & ~body).any()
    assert dice(mask, nucleus) > (0.85 if "equalise=true" in str(method) else 0.97)


def test_three_classes_separate_the_nucleus_from_dark_cytoplasm() -> None:
    image, body, nucleus = cell()
    dark = image.copy()
    dark[body & ~nucleus] = (150, 110, 170)
    dark[~body] = PLASMA
    assert dice(OtsuMask()(dark), body) > 0.97
    assert dice(OtsuMask(classes=3)(dark), nucleus) > 0.97


def test_a_linear_stretch_of_the_contrast_changes_nothing() -> None:
    image, _, _ = cell()
    halved = (image // 2 + 40).astype(np.uint8)
    stretched = ((halved - 40) * 2).astype(np.uint8)
    np.testing.assert_array_equal(OtsuMask()(halved), OtsuMask()(stretched))


def test_equalisation_is_that_of_opencv() -> None:
    levels = np.random.default_rng(0).normal(120, 20, (50, 60)).clip(0, 255).astype(np.uint8)
    everything = np.ones(levels.shape, dtype=bool)
    ours = equalised(levels, everything)
    assert np.abs(ours.astype(int) - cv2.equalizeHist(levels)).max() <= 1
    half = everything.copy()
    half[:25] = False
    np.testing.assert_array_equal(equalised(levels, half)[25:], equalised(levels[25:], half[25:]))
    np.testing.assert_array_equal(equalised(np.full_like(levels, 7), everything), 7)
    assert equalised(levels, ~everything) is levels


def test_equalisation_moves_the_threshold_to_the_middle_of_the_ranks() -> None:
    """A third of the pixels is dark: equalised, about half of them are below the threshold."""
    ramp = np.tile(np.repeat(np.arange(60), 2)[:, None], (1, 120))
    image = np.where(ramp < 40, 60 + ramp, 160 + ramp)[..., None].repeat(3, axis=2).astype(np.uint8)
    region = np.ones(image.shape[:2], dtype=bool)
    shares = [OtsuMask(equalise=e)._stained(image, region).mean() for e in (False, True)]
    assert shares == pytest.approx([40 / 60, 0.5], abs=0.02)


def test_objects_at_the_frame_are_removed_and_the_central_one_is_selected() -> None:
    mask = disc(20, 60, 60) | disc(30, 100, 120) | disc(60, 199, 100)
    np.testing.assert_array_equal(central_component(mask), disc(30, 100, 120))
    assert not central_component(disc(60, 199, 100)).any()
    assert not central_component(np.zeros((5, 5), dtype=bool)).any()
    weight = central_weight((21, 41))
    assert weight.max() == weight[10, 20] == 1
    assert weight[10, 20 + 4] == pytest.approx(np.exp(-(4**2) / (2 * (0.2 * 21) ** 2)))


@pytest.mark.parametrize("method", [OtsuMask(), OtsuMask(equalise=True, classes=3), HsvMask()], ids=str)
@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr])
def test_the_mask_is_equivariant_under_quarter_turns_and_flips(
    method: ThresholdMask, turn: Callable[..., npt.NDArray[Any]]
) -> None:
    image, _, _ = cell()
    np.testing.assert_array_equal(method(np.ascontiguousarray(turn(image))), turn(method(image)))


@pytest.mark.parametrize("method", [OtsuMask(), OtsuMask(equalise=True), HsvMask(opening=0)], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 40), (30, 20)])
def test_images_without_an_object_have_an_empty_mask(method: ThresholdMask, shape: tuple[int, int]) -> None:
    for level in (0, 128, 255):
        mask = method(np.full((*shape, 3), level, np.uint8))
        assert mask.shape == shape
        assert not mask.any()
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert method(noise).shape == shape


def test_a_cell_file_selects_it(tmp_path: Path) -> None:
    image, _, _ = cell(1)
    assert cv2.imwrite(str(tmp_path / "c.png"), image[..., ::-1])
    for method in (OtsuMask(equalise=True), HsvMask()):
        result = Cell.from_file(CellFile("c", str(tmp_path / "c.png"), mask_by=method)).mask
        np.testing.assert_array_equal(result, method(image))


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (OtsuMask, {"channel": "uv"}, "channel is one of green, red, blue, grey"),
        (OtsuMask, {"classes": 4}, "classes is from 2 to 3"),
        (OtsuMask, {"equalise": 1}, "equalise is true or false"),
        (HsvMask, {"space": "lab"}, "space is one of hsv"),
        (HsvMask, {"opening": -1}, "opening is from 0 to 50"),
    ],
)
def test_wrong_parameters_are_sentences(kind: type[ThresholdMask], parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        kind(**parameters)
