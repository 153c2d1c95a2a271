"""The granularity spectrum against scikit-image's reconstruction, and granules of known size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import grey_erosion
from skimage.morphology import reconstruction

from extractors.handcrafted.framework.channels import luma
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.granularity import Granularity, block_means, remainders

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def full_channel(values: np.ndarray) -> MaskedChannel:
    return MaskedChannel(values.astype(np.float32), np.ones(values.shape, dtype=bool))


def spectrum(plane: MaskedChannel, *, steps: int = 16, block: int = 1, sign: float = -1.0) -> list[Any]:
    granules = "dark" if sign < 0 else "bright"
    return list(Granularity(steps=steps, block=block, granules=granules).values(plane).values())


def diamond(shape: tuple[int, int], row: int, column: int, radius: int) -> np.ndarray:
    y, x = np.indices(shape)
    return np.abs(y - row) + np.abs(x - column) <= radius


@pytest.mark.parametrize("seed", range(4))
def test_remainders_are_those_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside = rng.random((50, 60)) < (0.6, 0.8, 0.95, 1)[seed]
    smooth = rng.normal(0, 1, (50, 60)).cumsum(axis=0).cumsum(axis=1)
    heights = np.where(inside, np.rint(smooth - smooth.min()), 0).astype(np.float32)
    eroded, expected = heights.astype(np.float64), []
    for _ in range(12):
        # For the erosion the background is infinite, for the reconstruction it is 0 and stays so.
        eroded = grey_erosion(np.where(inside, eroded, 1e9), footprint=CROSS, mode="constant", cval=1e9)
        eroded[~inside] = 0
        expected.append(reconstruction(eroded, heights, footprint=CROSS).sum())
    np.testing.assert_allclose(remainders(heights, inside, 12), expected, rtol=1e-12)


def test_real_values_against_scikit_image(draw: Any) -> None:
    mask = draw.ellipse(40, 31, 0.5)
    plane = MaskedChannel(luma(draw.speckled(mask)), mask, 1000)
    values = np.where(mask, plane.inside.max() - plane.exact / 1000, 0)
    eroded, left = values, [values.sum()]
    for _ in range(8):
        eroded = grey_erosion(np.where(mask, eroded, 1e9), footprint=CROSS, mode="constant", cval=1e9)
        eroded[~mask] = 0
        left.append(reconstruction(eroded, values, footprint=CROSS).sum())
    np.testing.assert_allclose(spectrum(plane, steps=8), -100 * np.diff(left) / left[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 9])
def test_a_granule_goes_at_the_step_after_its_radius(radius: int) -> None:
    ground = np.full((60, 70), 200.0)
    ground[diamond(ground.shape, 30, 40, radius)] = 90
    expected = [0.0] * 16
    expected[radius] = 100
    assert spectrum(full_channel(ground)) == expected
    # Bright granules on a dark ground are the same upside down; of a dark spot on a plain, nothing is a bright granule.
    assert spectrum(full_channel(-ground), sign=1.0) == expected
    assert max(spectrum(full_channel(ground), sign=1.0)) < 1e-9


def test_granules_share_the_spectrum_by_their_matter() -> None:
    ground = np.full((60, 90), 200.0)
    small, large = diamond(ground.shape, 20, 20, 2), diamond(ground.shape, 30, 60, 6)
    ground[small], ground[large] = 150, 180
    matter = 50 * small.sum() + 20 * large.sum()
    expected = np.zeros(16)
    expected[2], expected[6] = 100 * 50 * small.sum() / matter, 100 * 20 * large.sum() / matter
    np.testing.assert_allclose(spectrum(full_channel(ground)), expected, atol=1e-4)


def test_a_granule_keeps_its_form_as_long_as_a_part_of_it_is_thick() -> None:
    ground = np.full((60, 60), 200.0)
    ground[diamond(ground.shape, 30, 30, 4)] = 100
    ground[30, 35:55] = 100  # a tail of one pixel, which an opening would cut off at the first step
    expected = [0.0] * 16
    expected[4] = 100
    assert spectrum(full_channel(ground)) == expected


def test_the_edge_of_the_region_neither_erodes_nor_joins() -> None:
    # Two granules at the mask's edge: as thick as what of them lies in the region, and not joined through the outside.
    values = np.full((40, 41), 200.0)
    values[:, :3], values[10:13, 30:] = 100, 100
    mask = np.ones(values.shape, dtype=bool)
    mask[:, 20] = False
    dark, bright = (MaskedChannel(np.where(mask, values, around).astype(np.float32), mask) for around in (0, 255))
    result = spectrum(dark)
    assert result == spectrum(bright)
    matter = 3 * 40 + 3 * 11
    # Erosion eats both from their free sides only: 3 columns are gone after 3 steps, the block of 3 rows after 2.
    assert result[1] == pytest.approx(100 * 33 / matter, rel=1e-5)
    assert result[2] == pytest.approx(100 * 120 / matter, rel=1e-5)


def test_block_means_by_hand() -> None:
    values = np.arange(12, dtype=np.float32).reshape(2, 6)
    means, inside = block_means(values, np.ones((2, 6), dtype=bool), 2)
    np.testing.assert_array_equal(means, [[3.5, 5.5, 7.5]])
    assert inside.all()
    # Of three pixels in a row, grid in the middle: one and a half to each block of two; three quarters of it is inside.
    line = np.array([[0, 3, 9]], dtype=np.float32).repeat(2, axis=0)
    means, inside = block_means(line, np.ones((2, 3), dtype=bool), 2)
    np.testing.assert_allclose(means, [[(0 + 1.5) / 1.5, (1.5 + 9) / 1.5]])
    assert inside.all()
    # A block with less than half of its pixels in the mask is outside; the others' mean leaves the background out.
    mask = np.array([[True, True, True, False], [True, False, False, False]])
    means, inside = block_means(np.array([[1, 2, 3, 50], [6, 50, 50, 50]], dtype=np.float32), mask, 2)
    np.testing.assert_array_equal(inside, [[True, False]])
    np.testing.assert_array_equal(means, [[3, 0]])


def test_blocks_make_granules_smaller() -> None:
    fine = np.full((20, 24), 200.0)
    fine[diamond(fine.shape, 9, 11, 4)] = 90
    for block in (2, 3):
        coarse = fine.repeat(block, axis=0).repeat(block, axis=1)
        assert spectrum(full_channel(coarse), block=block) == spectrum(full_channel(fine))


def test_shares_never_sum_to_more_than_all(draw: Any) -> None:
    mask = draw.disc(40)
    result = spectrum(MaskedChannel(luma(draw.speckled(mask)), mask, 1000), steps=160)
    assert min(result) >= 0
    # A disc of radius 40 is less than 160 steps across: the lowest height has reached every pixel.
    assert sum(result) == pytest.approx(100, abs=1e-3)
    assert sum(result[:5]) < 100


def test_regions_without_a_spectrum_have_reasons() -> None:
    # Two pixels that differ, but not their mean; three pixels apart, each in a block of nine.
    assert set(spectrum(full_channel(np.array([[1.0, 2.0], [2.0, 1.0]])), block=2)) == {Status.FLAT}
    mask = np.zeros((9, 9), dtype=bool)
    mask[[0, 4, 8], [0, 4, 8]] = True
    spots = MaskedChannel(np.arange(81, dtype=np.float32).reshape(9, 9), mask)
    assert set(spectrum(spots, block=3)) == {Status.TOO_SMALL}
    assert not any(isinstance(value, Status) for value in spectrum(spots))


def test_names_follow_the_steps() -> None:
    names = Granularity(steps=2, channels=["od_green"], granules="bright").get_feature_names_out()
    assert names.tolist() == ["granularity.share.cell.od_green.k1", "granularity.share.cell.od_green.k2"]
    assert len(Granularity().get_feature_names_out()) == 16
