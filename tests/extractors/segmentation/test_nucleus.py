"""The nucleus: drawn truth, turns and flips, what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import laplace

from extractors.segmentation.foreground import foreground_mask
from extractors.segmentation.nucleus import Candidate, nucleus_candidate, nucleus_mask
from extractors.segmentation.otsu import ONE_POPULATION, otsu

Image = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PALE, DARK = (170, 150, 190), (80, 40, 120)


def disc(radius: float, *, size: int = 101, centre: tuple[float, float] = (50, 50)) -> Mask:
    y, x = np.mgrid[:size, :size]
    return np.asarray(np.hypot(x - centre[0], y - centre[1]) <= radius)


def painted(*layers: tuple[Mask, tuple[int, int, int]]) -> Image:
    image = np.zeros((*layers[0][0].shape, 3), dtype=np.uint8)
    for mask, colour in layers:
        image[mask] = colour
    return image


def candidate(image: Image, cell: Mask) -> Candidate:
    result = nucleus_candidate(image, cell)
    assert result is not None
    return result


def ring_of_lobes(count: int, radius: float) -> list[Mask]:
    turns = np.arange(count) * 2 * np.pi / count
    places = [(100 + 55 * np.cos(turn), 100 + 55 * np.sin(turn)) for turn in turns]
    return [disc(radius, size=201, centre=place) for place in places]


def test_nucleus_is_the_dark_part_without_granules_and_bubbles() -> None:
    cell, nucleus, bubble, granule = disc(40), disc(22), disc(4), disc(3, centre=(50, 82))
    image = painted((cell, PALE), (nucleus | granule, DARK), (bubble, PALE))
    result = nucleus_mask(image, cell)
    assert result is not None
    assert np.count_nonzero(result ^ nucleus) <= 0.01 * np.count_nonzero(nucleus)


def test_red_granules_that_are_as_dark_in_green_are_not_the_nucleus() -> None:
    cell, nucleus, granules = disc(40), disc(20, centre=(40, 50)), disc(10, centre=(72, 50))
    image = painted((cell, (200, 150, 180)), (granules, (210, 100, 60)), (nucleus, (90, 100, 190)))
    result = nucleus_mask(image, cell)
    assert result is not None
    assert not (result & granules).any()
    assert np.count_nonzero(result ^ nucleus) <= 0.01 * np.count_nonzero(nucleus)


@pytest.mark.parametrize("count", [2, 3, 5, 6])
def test_a_nucleus_may_have_several_lobes(count: int) -> None:
    cell, lobes = disc(90, size=201, centre=(100, 100)), ring_of_lobes(count, 20)
    nucleus = np.any(lobes, axis=0)
    enlarged = nucleus | disc(34 if count == 2 else 20, size=201, centre=(155, 100))
    image = painted((cell, PALE), (enlarged, DARK))
    result = candidate(image, cell)
    assert result.lobes == count
    assert np.count_nonzero(result.mask ^ enlarged) <= 0.01 * np.count_nonzero(enlarged)
    assert result.ratio == pytest.approx(enlarged.sum() / cell.sum(), rel=0.01)
    assert (result.rejection is None) == (result.ratio > 0.2)


def test_seven_pieces_are_granules() -> None:
    cell = disc(90, size=201, centre=(100, 100))
    result = candidate(painted((cell, PALE), *((lobe, DARK) for lobe in ring_of_lobes(7, 20))), cell)
    assert (result.lobes, result.rejection) == (7, "scattered")


def test_a_piece_below_a_fifth_of_the_largest_is_no_lobe() -> None:
    cell, nucleus = disc(90, size=201, centre=(100, 100)), disc(45, size=201, centre=(80, 100))
    for radius, lobes in ((19.0, 1), (21.5, 2)):  # (19 / 45)^2 = 0.18, (21.5 / 45)^2 = 0.23
        piece = disc(radius, size=201, centre=(155, 100))
        assert candidate(painted((cell, PALE), (nucleus | piece, DARK)), cell).lobes == lobes


def test_pixels_outside_the_cell_are_ignored() -> None:
    cell, nucleus = disc(40), disc(22, centre=(34, 50))
    image = painted((cell, PALE), (nucleus, DARK))
    bright = np.where(cell[..., None], image, np.uint8(255))
    result = nucleus_mask(image, cell)
    assert result is not None
    np.testing.assert_array_equal(nucleus_mask(bright, cell), result)
    window = slice(10, 91), slice(10, 91)
    np.testing.assert_array_equal(nucleus_mask(image[window], cell[window]), result[window])


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr, np.transpose])
def test_the_nucleus_is_equivariant_under_quarter_turns_and_flips(
    turn: Callable[..., npt.NDArray[np.uint8]], real_cells: list[Image]
) -> None:
    for image in real_cells[::4]:
        cell = foreground_mask(image)
        turned = np.stack([turn(image[..., channel]) for channel in range(3)], axis=-1)
        result = candidate(image, cell)
        again = candidate(turned, np.ascontiguousarray(turn(cell)))
        np.testing.assert_array_equal(turn(result.mask), again.mask)
        assert (result.explained, result.coherence, result.lobes) == (again.explained, again.coherence, again.lobes)


def test_most_real_cells_on_black_have_a_nucleus(real_cells: list[Image]) -> None:
    """The cells of C-NMC are nearly all nucleus; the experts' frame leaves a thin rim of cytoplasm."""
    result = [candidate(image, foreground_mask(image)) for image in real_cells]
    plausible = [each.ratio for each in result if each.rejection is None]
    assert len(plausible) >= 50
    assert np.median(plausible) == pytest.approx(0.9, abs=0.03)
    assert min(plausible) > 0.6


@pytest.mark.parametrize("seed", range(10))
def test_an_even_cell_has_no_nucleus(seed: int) -> None:
    cell = disc(40)
    noise = np.random.default_rng(seed).normal(120, 12, (101, 101, 3))
    assert nucleus_mask(np.where(cell[..., None], noise, 0).astype(np.uint8), cell) is None


def test_a_split_through_one_population_is_no_nucleus() -> None:
    # Green rises from left to right with the quantiles of a Laplace distribution, of which half would be "dark".
    cell = disc(40)
    order = np.argsort(np.where(cell, np.indices(cell.shape)[1], 999).ravel(), kind="stable")[: cell.sum()]
    image = painted((cell, (150, 0, 160)))
    levels = laplace.ppf((np.arange(cell.sum()) + 0.5) / cell.sum(), loc=128, scale=14)
    image.reshape(-1, 3)[order, 1] = levels.clip(1, 255)
    assert (otsu(image[..., 1][cell]) or (0, 1.0))[1] < ONE_POPULATION
    assert candidate(image, cell).rejection == "even cell"


@pytest.mark.parametrize(("step", "rejection"), [(1, "scattered"), (3, None)])
def test_half_of_the_dark_pixels_must_be_in_lobes(step: int, rejection: str | None) -> None:
    cell, nucleus = disc(40), disc(19, centre=(35, 50))
    y, x = np.indices(cell.shape)
    specks = cell & (x % step == 0) & (y % 2 == 0)  # lines and points of one pixel, of which the opening leaves none
    result = candidate(painted((cell, PALE), (specks | nucleus, DARK)), cell)
    expected = np.count_nonzero(nucleus) / np.count_nonzero(specks | nucleus)
    assert result.coherence == pytest.approx(expected, rel=0.02)
    assert result.rejection == rejection


def test_no_nucleus_in_flat_empty_or_sliver_dark() -> None:
    cell = disc(40)
    flat = painted((cell, PALE))
    assert nucleus_mask(flat, cell) is None
    assert nucleus_mask(flat, np.zeros_like(cell)) is None
    small = candidate(painted((cell, PALE), (disc(12), DARK)), cell)
    assert small.rejection == "implausible ratio"
    assert small.ratio == pytest.approx((12 / 40) ** 2, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_cells_too_small_for_a_lobe_have_no_nucleus(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    assert nucleus_mask(pixels, np.ones(shape, dtype=bool)) is None
