"""Tamura's features against a plain loop and textures whose coarseness, contrast and direction are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.framework.channels import luma
from extractors.handcrafted.framework.masked_channel import MaskedChannel
from extractors.handcrafted.framework.status import Status
from extractors.handcrafted.tamura import Tamura, coarseness, contrast, directionality


def full(values: np.ndarray) -> np.ndarray:
    return np.ones(values.shape, dtype=bool)


def board(size: int, square: int) -> np.ndarray:
    y, x = np.indices((size, size)) // square
    return (100.0 * ((x + y) % 2)).astype(np.float64)


def slow_coarseness(values: np.ndarray, mask: np.ndarray, largest: int) -> float:
    """The definition, point by point."""
    height, width = values.shape
    sides = []
    for y in range(height + 1):
        for x in range(width + 1):
            differences, complete = [], True
            for k in range(1, largest + 1):
                side, half = 2**k, 2 ** (k - 1)
                corners = [(y - half, x - side), (y - half, x), (y - side, x - half), (y, x - half)]
                means = []
                for top, left in corners:
                    inside = min(top, left) >= 0 and top + side <= height and left + side <= width
                    if not inside or not mask[top : top + side, left : left + side].all():
                        complete = False
                        break
                    means.append(values[top : top + side, left : left + side].mean())
                if not complete:
                    break
                differences.append(max(abs(means[0] - means[1]), abs(means[2] - means[3])))
            if complete and max(differences) > 0:
                strongest = max(differences)
                sides.append(max(2 ** (k + 1) for k, d in enumerate(differences) if d == strongest))
    return float(np.mean(sides))


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_coarseness_is_that_of_a_plain_loop(largest: int, draw: Any) -> None:
    mask = draw.ellipse(17, 13, 0.4)
    # Integers, small ones: many ties.
    values = np.rint(np.random.default_rng(largest).normal(5, 2, mask.shape))
    assert coarseness(values, mask, largest) == pytest.approx(slow_coarseness(values, mask, largest), rel=1e-12)


@pytest.mark.parametrize("width", [2, 4, 8, 16])
def test_stripes_are_as_coarse_as_they_are_wide(width: int) -> None:
    # d pixels from an edge, windows of the stripes' width differ by 1 - 2 d / width of the step, smaller ones by less
    # or as much, those of twice the width and more by nothing; in the middle of a stripe nothing differs.
    stripes = 100.0 * (np.indices((100, 100))[1] // width % 2)
    assert coarseness(stripes, full(stripes), 5) == width


def test_larger_squares_and_grains_are_coarser() -> None:
    boards = [coarseness(board(100, square), np.ones((100, 100), dtype=bool), 5) for square in (2, 4, 8, 16)]
    assert boards[0] == 2
    assert boards == sorted(set(boards))
    rough, fine = (np.random.default_rng(0).normal(size=(n, n)) for n in (20, 160))
    assert coarseness(rough.repeat(8, 0).repeat(8, 1), full(fine), 5) > 2 * coarseness(fine, full(fine), 5)


def test_a_single_edge_is_as_coarse_as_the_windows() -> None:
    step = np.where(np.indices((40, 60))[1] < 30, 10.0, 20.0)
    assert coarseness(step, full(step), 3) == 8


@pytest.mark.parametrize("share", [0.5, 0.2, 0.01])
def test_contrast_of_two_levels(share: float) -> None:
    # Levels a and b in shares p and 1 - p: sd = |a - b| sqrt(pq), kurtosis (1 - 3pq) / pq.
    n = 1000
    values = np.where(np.arange(n) < share * n, 30.0, 70.0)
    pq = share * (1 - share)
    assert contrast(values) == pytest.approx(40 * np.sqrt(pq) / ((1 - 3 * pq) / pq) ** 0.25, rel=1e-9)


def test_contrast_of_a_normal_distribution() -> None:
    # Kurtosis 3.
    values = np.random.default_rng(0).normal(100, 7, 200_000)
    assert contrast(values) == pytest.approx(7 / 3**0.25, rel=0.01)


@pytest.mark.parametrize("degrees", [0, 45, 90, 135])
def test_waves_of_one_direction_are_directed(degrees: int) -> None:
    y, x = np.indices((80, 80))
    angle = np.deg2rad(degrees)
    wave = np.cos(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / 12)
    assert directionality(wave, full(wave)) == pytest.approx(1, abs=1e-9)


def test_rings_have_no_direction_and_crossed_waves_little() -> None:
    y, x = np.mgrid[-90:91, -90:91]
    rings = np.cos(2 * np.pi * np.hypot(x, y) / 16)
    assert directionality(rings, np.hypot(x, y) <= 90) == pytest.approx(0, abs=0.02)
    # Half of the gradients lie 8 bins from the others: the smallest moment, 16, is about the bin in the middle.
    y, x = np.indices((80, 80))
    crossed = np.where(y < 40, np.sin(x * 0.7), np.sin((y + 0.5) * 0.7))
    mask = full(crossed)
    mask[:2], mask[39:41], mask[:, :1], mask[78:] = False, False, False, False
    assert directionality(crossed, mask) == pytest.approx(1 - 16 / 21.5, abs=0.03)


def test_directions_share_the_histogram_by_size() -> None:
    # Slopes of 1 and 3 a pixel, 90 degrees apart, on as many pixels: a quarter and three quarters.
    y, x = np.indices((41, 20)).astype(np.float64)
    values = np.where(y < 20, x, 3 * y)
    mask = full(values)
    mask[20] = False
    quarter = [0.75 * d**2 + 0.25 * (8 - d) ** 2 for d in range(9)]
    assert directionality(values, mask) == pytest.approx(1 - min(quarter) / 21.5, rel=1e-9)


def test_regions_without_a_value_have_reasons(draw: Any) -> None:
    mask = draw.disc(20)
    small = Tamura(largest=5).values(MaskedChannel(luma(draw.speckled(mask)), mask, 1000))
    assert small["coarseness"] is Status.TOO_SMALL
    assert isinstance(small["contrast"], float)
    assert isinstance(small["directionality"], float)
    line = MaskedChannel(np.arange(40, dtype=np.int32)[None], np.ones((1, 40), dtype=bool))
    assert Tamura(largest=1).values(line)["directionality"] is Status.TOO_SMALL
    lone = np.zeros((12, 12))
    lone[0, 0] = 9
    assert coarseness(lone[2:], full(lone[2:]), 1) is Status.FLAT
    mask = full(lone)
    mask[0, 1] = mask[1, 0] = mask[1, 1] = False
    assert directionality(lone, mask) is Status.FLAT


def test_names() -> None:
    names = Tamura(channels="green").get_feature_names_out()
    assert names.tolist() == [f"tamura.{name}.cell.green" for name in ("coarseness", "contrast", "directionality")]
