"""Drawn cells agree with their ground truth."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage.measure import label, perimeter_crofton

from bench.datasets.phantom.appearance import CellAppearance
from bench.datasets.phantom.rendering import DrawnCell, chromatin, draw_cell
from extractors.segmentation.foreground import foreground_mask

DEFAULT = CellAppearance(2, 0.2, 0.06, 0.02, 55.0, 0.7, 8.0, 0.1, (63.0, 25.0, 75.0), (92.0, 54.0, 110.0))
PLAIN = replace(DEFAULT, contrast=0.0, noise=0.0, n_clefts=0)


def drawn(appearance: CellAppearance, seed: int = 0, size: int = 300) -> DrawnCell:
    return draw_cell(appearance, size=size, rng=np.random.default_rng(seed))


def defects(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Depths of the defects of the hull relative to the radius, deepest first."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull_defects = cv2.convexityDefects(contours[0], cv2.convexHull(contours[0], returnPoints=False))
    depths = np.sort(hull_defects.reshape(-1, 4)[:, 3] / 256.0)[::-1] if hull_defects is not None else np.zeros(0)
    return np.asarray(depths / np.sqrt(mask.sum() / np.pi), dtype=np.float64)


def inner(mask: npt.NDArray[np.bool_], margin: int = 6) -> npt.NDArray[np.bool_]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return np.asarray(cv2.erode(mask.astype(np.uint8), kernel) > 0)


@pytest.mark.parametrize("seed", range(5))
def test_masks_have_the_areas_and_the_sphericity_of_the_outlines(seed: int) -> None:
    cell = drawn(replace(DEFAULT, n_clefts=seed), seed)
    area = cell.nucleus.sum()
    assert area == pytest.approx(np.pi * float(cell.truth["nucleus_radius_px"]) ** 2, rel=0.005)
    assert area / cell.cell.sum() == pytest.approx(cell.truth["nc_ratio"], rel=0.005)
    sphericity = 2 * np.sqrt(np.pi * area) / perimeter_crofton(cell.nucleus, directions=4)
    assert sphericity == pytest.approx(cell.truth["sphericity"], rel=0.015)


@pytest.mark.parametrize("depth", [0.12, 0.2, 0.35])
def test_planted_clefts_are_detected_in_the_nucleus_mask(depth: float) -> None:
    planted = [seed % 5 for seed in range(40)]
    cells = [drawn(replace(DEFAULT, n_clefts=n, cleft_depth=depth), seed) for seed, n in enumerate(planted)]
    detected = [int((defects(cell.nucleus) > 0.05).sum()) for cell in cells]
    assert np.mean(np.equal(planted, detected)) >= 0.9
    deepest = [
        (defects(cell.nucleus)[0], float(cell.truth["cleft_depth"]))
        for cell, n in zip(cells, planted, strict=True)
        if n
    ]
    shortfall = [true - measured for measured, true in deepest]
    assert -0.02 < np.mean(shortfall) < 0.08


def test_chromatin_has_its_grain_and_unit_variance() -> None:
    for grain in (4.0, 12.0):
        field = chromatin((800, 800), grain, np.random.default_rng(1)).astype(np.float64)
        lag = int(grain)
        assert field.var() == pytest.approx(1.0, abs=0.05)
        assert np.mean(field[:, lag:] * field[:, :-lag]) == pytest.approx(np.exp(-1), abs=0.04)
        assert np.mean(field[2 * lag :] * field[: -2 * lag]) == pytest.approx(np.exp(-4), abs=0.04)


@pytest.mark.parametrize("size", [100, 300])
def test_frame_is_black_and_the_cell_is_not(size: int) -> None:
    cell = drawn(replace(DEFAULT, nucleus_radius_px=0.18 * size, contrast=0.35, noise=6.0), size=size)
    assert cell.image.shape == (size, size, 3)
    assert cell.image.dtype == np.uint8
    assert np.all(cell.image[~cell.cell] == 0)
    assert np.all(cell.image[cell.cell] >= 1)
    assert np.array_equal(foreground_mask(cell.image), cell.cell)


@pytest.mark.parametrize("seed", range(12))
def test_touching_debris_is_one_with_the_cell_and_loose_debris_is_dropped(seed: int) -> None:
    touching, loose = (drawn(replace(DEFAULT, debris=kind), seed) for kind in ("touching", "loose"))
    for cell, parts in ((touching, 1), (loose, 2)):
        lit = cell.image.any(axis=2)
        assert label(lit, connectivity=2).max() == parts
        assert np.all(lit[cell.cell])
        assert lit.sum() > cell.cell.sum() + 10
    assert np.array_equal(foreground_mask(loose.image), loose.cell)


def test_colours_are_as_requested() -> None:
    cell = drawn(PLAIN)
    nucleus = cell.image[inner(cell.nucleus)].mean(axis=0)
    assert nucleus == pytest.approx((63.0, 25.0, 75.0), abs=0.51)
    ring = ~cv2.dilate(cell.nucleus.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & inner(cell.cell, 4)
    assert cell.image[ring].mean(axis=0) == pytest.approx((92.0, 54.0, 110.0), abs=0.75)


def test_brightness_scales_and_gamma_spreads_around_its_pivot() -> None:
    bright, steep = drawn(replace(PLAIN, brightness=1.5)), drawn(replace(PLAIN, gamma=1.2))
    inside = inner(bright.nucleus)
    assert bright.image[inside].mean(axis=0) == pytest.approx((94.5, 37.5, 112.5), abs=0.51)
    expected = 70.0 * (np.array([63.0, 25.0, 75.0]) / 70.0) ** 1.2
    assert steep.image[inside].mean(axis=0) == pytest.approx(expected, abs=0.51)


def test_contrast_and_noise_are_as_requested() -> None:
    noisy = drawn(replace(PLAIN, noise=2.0))
    assert noisy.image[inner(noisy.nucleus)].std(axis=0) == pytest.approx([2.02] * 3, abs=0.12)
    grained = drawn(replace(PLAIN, contrast=0.2, grain_px=4.0, blur_px=0.4, nucleus_rgb=(120.0, 80.0, 120.0)))
    red = np.log(grained.image[inner(grained.nucleus)][:, 0].astype(float))
    assert red.std() == pytest.approx(0.2, rel=0.12)


def test_same_seed_draws_the_same_cell_and_another_seed_another() -> None:
    assert np.array_equal(drawn(DEFAULT, 7).image, drawn(DEFAULT, 7).image)
    assert not np.array_equal(drawn(DEFAULT, 7).image, drawn(DEFAULT, 8).image)


def test_cell_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit into 100 px"):
        drawn(DEFAULT, size=100)
