"""Grey levels by hand and in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from extractors.handcrafted.framework.quantisation import MAX_LEVELS, Binning, binning, quantise


def everywhere(values: np.ndarray) -> np.ndarray:
    return np.ones(values.shape, dtype=bool)


def test_levels_span_the_region_and_have_equal_width() -> None:
    grey = np.array([[10, 11, 25, 26, 41, 42, 0]])
    mask = np.array([[True] * 6 + [False]])
    result = quantise(grey, mask, Binning(4), 1)
    assert result.levels.tolist() == [[1, 1, 2, 3, 4, 4, 0]]
    assert result.count == 4


@pytest.mark.parametrize("levels", [2, 7, 32, 256])
def test_integers_are_binned_like_exact_fractions(levels: int) -> None:
    grey = np.random.default_rng(levels).integers(0, 255_001, (40, 50)).astype(np.int32)
    low, high = int(grey.min()), int(grey.max())
    result = quantise(grey, everywhere(grey), Binning(levels), 1000)
    exact = [min(int(Fraction(levels * (int(g) - low), high - low)), levels - 1) + 1 for g in grey.ravel()]
    assert result.levels.ravel().tolist() == exact


@pytest.mark.parametrize("width", ["25", "8", "0.7", "0.57", "1.1", "0.3", "1.001"])
def test_edges_of_a_width_are_its_exact_multiples(width: str) -> None:
    step = Fraction(width) * 1000
    edges = np.array([[int(step * k) for k in range(2, 200)]], dtype=np.int32)
    grey = np.vstack([edges - 1, edges, edges + 1])
    result = quantise(grey, everywhere(grey), Binning(32, float(width)), 1000)
    first = int(Fraction(int(grey.min())) // step)
    assert result.levels.tolist() == [[int(Fraction(int(g)) // step) - first + 1 for g in row] for row in grey]
    assert result.count == result.levels.max()


def test_a_level_of_a_width_means_the_same_in_every_region() -> None:
    dark, bright = np.array([[3, 12, 29]]), np.array([[12, 29, 55]])
    levels = [quantise(grey, everywhere(grey), Binning(32, 10.0), 1).levels.tolist() for grey in (dark, bright)]
    assert levels == [[[1, 2, 3]], [[1, 2, 5]]]


def test_values_below_zero_and_fractions() -> None:
    grey = np.array([[-1.5, -0.5, 0.0, 0.49, 0.5]], dtype=np.float32)
    assert quantise(grey, everywhere(grey), Binning(32, 0.5), 1).levels.tolist() == [[1, 3, 4, 4, 5]]
    assert quantise(grey, everywhere(grey), Binning(2), 1).levels.tolist() == [[1, 2, 2, 2, 2]]


def test_too_narrow_bins_are_an_error() -> None:
    grey = np.array([[0, 255]])
    with pytest.raises(
        ValueError, match=rf"bin_width=0.1: 2551 grey levels in one region, the maximum is {MAX_LEVELS}"
    ):
        quantise(grey, everywhere(grey), Binning(32, 0.1), 1)


@pytest.mark.parametrize("width", [0, -1, float("inf"), float("nan"), True])
def test_an_invalid_width_is_an_error(width: float) -> None:
    with pytest.raises(ValueError, match="a positive number"):
        binning(32, width)


def test_a_frame_of_background_surrounds_the_levels() -> None:
    grey = np.array([[0, 9], [5, 9]])
    framed = quantise(grey, everywhere(grey), Binning(2), 1).framed
    assert framed.tolist() == [[0, 0, 0, 0], [0, 1, 2, 0], [0, 2, 2, 0], [0, 0, 0, 0]]
