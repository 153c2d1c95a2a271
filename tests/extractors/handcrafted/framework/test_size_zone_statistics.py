"""Counts by grey level and size at sizes that 64-bit whole numbers do not hold."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from extractors.handcrafted.framework.feature import keyed
from extractors.handcrafted.framework.size_zone_statistics import emphasis_features, size_zone_statistics
from extractors.handcrafted.glcm import haralick

NAMES = list(keyed(emphasis_features(item="zone", small="small", large="large", size="size", source="")))


def test_a_cell_of_millions_of_pixels() -> None:
    # Three million zones of one pixel on level 1, and on level 1024 one of sixteen million.
    counts = np.zeros((1, 1024, 2), dtype=np.int64)
    counts[0, 0, 0], counts[0, -1, 1] = 3_000_000, 1
    size, total = 16_000_000, 3_000_001
    result = dict(zip(NAMES, size_zone_statistics(counts, np.array([1, size]))[:, 0].tolist(), strict=True))
    mean = Fraction(3_000_000 + size, total)
    variance = (3_000_000 * (1 - mean) ** 2 + (size - mean) ** 2) / total
    assert result["size_variance"] == pytest.approx(float(variance), rel=1e-12)
    assert result["large_emphasis"] == pytest.approx((3_000_000 + size**2) / total, rel=1e-12)
    assert result["large_high_grey_level_emphasis"] == pytest.approx((3_000_000 + 1024**2 * size**2) / total, rel=1e-12)


def test_equal_sizes_and_levels_do_not_vary() -> None:
    counts = np.zeros((1, 7, 3), dtype=np.int64)
    counts[0, 4, 1] = 123_457
    result = dict(zip(NAMES, size_zone_statistics(counts, np.array([1, 49, 50]))[:, 0].tolist(), strict=True))
    assert result["size_variance"] == 0
    assert result["grey_level_variance"] == 0


def test_pairs_of_millions_of_pixels() -> None:
    # As many pairs of the lowest and the highest of 256 levels as of equal neighbours: |i - j| is 0 or 255.
    counts = np.zeros((1, 256, 256), dtype=np.int64)
    counts[0, 0, -1] = counts[0, -1, 0] = counts[0, 0, 0] = counts[0, -1, -1] = 30_000_000
    assert haralick(counts)["difference_variance"][0] == pytest.approx(255**2 / 4, rel=1e-12)
