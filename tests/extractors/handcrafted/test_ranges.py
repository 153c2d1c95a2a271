"""Ranges and units of the catalogue hold on degenerate cells."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from extractors.handcrafted.catalogue import Handcrafted
from extractors.handcrafted.framework.cell_regions import CellRegions
from extractors.handcrafted.framework.status import Status

FAMILIES = Handcrafted()._families()
COLUMNS = Handcrafted().catalogue()
NUMBERS = {"2 L": 64.0, "L": 32.0, "orientations": 6.0, "2^largest": 32.0}
"""What the words of the ranges stand for in the default set."""

ROUNDING = 1e-9


def limits(text: str) -> tuple[float, float]:
    """Smallest and largest value of a range such as `[0, 5/pi]`, `(0, inf)` or `0, 1, 2 ...`."""
    if text.endswith("..."):
        return float(text.split(",", maxsplit=1)[0]), np.inf
    low, high = (part.strip() for part in text.strip("[]()").split(","))
    return number(low), number(high)


def number(text: str) -> float:
    over_pi = re.fullmatch(r"(\d+)/pi", text)
    return int(over_pi[1]) / np.pi if over_pi else NUMBERS[text] if text in NUMBERS else float(text)


def odd_cells(draw: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and masks: small squares, thin crescents, noise in noise, stripes, two pure colours, one odd pixel."""
    rng = np.random.default_rng(8)
    noise = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    rows, columns = np.indices((60, 60))
    disc = np.hypot(rows - 30, columns - 30) < 26
    one_odd = np.full((60, 60, 3), 90, dtype=np.uint8)
    one_odd[25, 31] = 91
    small = {f"{h} x {w}": np.pad(np.ones((h, w), dtype=bool), 5) for h, w in ((2, 4), (3, 3), (4, 4), (2, 30))}
    return {
        **{name: (noise[: mask.shape[0], : mask.shape[1]], mask) for name, mask in small.items()},
        "crescent": (noise, disc & ~np.roll(disc, 2, axis=1)),
        "dust": (noise, rng.random((60, 60)) < 0.4),
        "noise": (noise, disc),
        "stripes": (np.where(rows[..., None] % 2 > 0, np.uint8(255), noise // 255), disc),
        "halves": (np.where(columns[..., None] > 30, [0, 255, 0], [255, 0, 255]).astype(np.uint8), disc),
        "one odd pixel": (one_odd, disc),
        "cleft": (draw.speckled(cleft := draw.cleft_nucleus(3, 0.3, rng, radii=(40, 41))), cleft),
    }


@pytest.fixture(scope="module")
def measured(draw: Any) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for name, (image, mask) in odd_cells(draw).items():
        left = mask.copy()
        left[:, mask.shape[1] // 2 :] = False
        parts = CellRegions(image, mask, nucleus=left)
        result[name] = {key: value for family in FAMILIES for key, value in family.measure(parts).items()}
    return result


def test_values_lie_in_the_ranges_of_the_catalogue(measured: dict[str, dict[str, Any]]) -> None:
    for column in COLUMNS:
        low, high = limits(column.feature.range)
        for cell, values in measured.items():
            value = values[column.name]
            if not isinstance(value, Status):
                slack = ROUNDING * max(1.0, abs(value))
                assert low - slack <= value <= high + slack, (column.name, cell, value, column.feature.range)


def test_pixels_and_only_pixels_become_micrometres(draw: Any) -> None:
    mask = draw.cleft_nucleus(2, 0.2, np.random.default_rng(1), radii=(40, 41))
    inner = np.roll(draw.disc(20), 3, axis=0)
    edge = (mask.shape[0] - inner.shape[0]) // 2
    nucleus = np.zeros_like(mask)
    nucleus[edge : edge + inner.shape[0], edge : edge + inner.shape[1]] = inner
    image = draw.speckled(mask)
    plain, scaled = (
        {k: v for family in FAMILIES for k, v in family.measure(CellRegions(image, mask, scale, nucleus)).items()}
        for scale in (None, 0.25)
    )
    factors = {"px": 0.25, "px^2": 0.0625}
    assert {column.feature.unit for column in COLUMNS} >= set(factors)
    for column in COLUMNS:
        value = plain[column.name]
        if isinstance(value, Status):
            assert scaled[column.name] is value
        else:
            factor = factors.get(column.feature.unit, 1.0)
            assert scaled[column.name] == pytest.approx(factor * value, rel=1e-12, abs=0), column.name
