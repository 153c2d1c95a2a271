"""Runs counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import size_zone_statistics
from extractors.handcrafted.glrlm import RUN_FEATURES, runs

NAMES = [feature.name for feature in RUN_FEATURES]


def of_levels(levels: Any, count: int) -> Quantised:
    return Quantised(np.asarray(levels, dtype=np.uint16), count)


def as_lists(counts: np.ndarray) -> list[dict[tuple[int, int], int]]:
    """By direction, the number of runs by level and length."""
    return [{(int(i) + 1, int(s) + 1): int(matrix[i, s]) for i, s in np.argwhere(matrix)} for matrix in counts]


def test_runs_by_hand() -> None:
    levels = [
        [1, 1, 2],
        [2, 1, 1],
        [2, 0, 1],
    ]
    counts = runs(of_levels(levels, 3))
    assert counts.shape == (4, 3, 3)
    along_rows, down_right, along_columns, down_left = as_lists(counts)
    assert along_rows == {(1, 2): 2, (2, 1): 3, (1, 1): 1}
    assert down_right == {(1, 3): 1, (1, 2): 1, (2, 1): 3}
    assert along_columns == {(1, 1): 1, (2, 2): 1, (1, 2): 2, (2, 1): 1}
    assert down_left == {(1, 1): 5, (2, 1): 3}


def test_every_pixel_is_in_one_run_of_each_direction() -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 4, (23, 31))
    counts = runs(of_levels(levels, 5))
    pixels = (counts * np.arange(1, counts.shape[2] + 1)).sum(axis=2)
    np.testing.assert_array_equal(pixels, np.tile(np.bincount(levels.ravel(), minlength=6)[1:], (4, 1)))


def test_background_ends_a_run_and_is_none() -> None:
    counts = runs(of_levels([[0, 0, 0, 0, 0], [2, 2, 0, 2, 0]], 2))
    assert as_lists(counts)[0] == {(2, 2): 1, (2, 1): 1}


def test_features_of_stripes_in_closed_form() -> None:
    # Rows of 1 and 3 by turns: 8 runs of 10 along them, 80 of 1 along every other direction.
    levels = np.where(np.arange(8)[:, None] % 2, 3, 1) * np.ones((1, 10), dtype=int)
    counts = runs(of_levels(levels, 3))
    result = dict(zip(NAMES, size_zone_statistics(counts, np.arange(1, counts.shape[2] + 1)), strict=True))
    np.testing.assert_allclose(result["short_run_emphasis"], [1 / 100, 1, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(result["long_run_emphasis"], [100, 1, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(result["run_percentage"], [1 / 10, 1, 1, 1], rtol=1e-12)
    np.testing.assert_allclose(result["run_entropy"], 1, rtol=1e-12)
    np.testing.assert_array_equal(result["run_length_variance"], 0)
    np.testing.assert_allclose(result["grey_level_variance"], 1, rtol=1e-12)
    np.testing.assert_allclose(result["grey_level_nonuniformity_normalised"], 1 / 2, rtol=1e-12)
    np.testing.assert_array_equal(result["run_length_nonuniformity_normalised"], 1)
    np.testing.assert_allclose(result["low_grey_level_emphasis"], (1 + 1 / 9) / 2, rtol=1e-12)
    np.testing.assert_allclose(result["high_grey_level_emphasis"], 5, rtol=1e-12)
    np.testing.assert_allclose(result["short_run_high_grey_level_emphasis"], [5 / 100, 5, 5, 5], rtol=1e-12)
    np.testing.assert_allclose(result["long_run_low_grey_level_emphasis"][0], 100 * (1 + 1 / 9) / 2, rtol=1e-12)
    assert not np.signbit(result["run_length_variance"]).any()
