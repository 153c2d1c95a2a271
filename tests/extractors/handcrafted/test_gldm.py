"""Dependences counted by hand and in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.framework.size_zone_statistics import size_zone_statistics
from extractors.handcrafted.gldm import DEPENDENCE_FEATURES, FEATURES, PERCENTAGE, Gldm, dependences


def counted(levels: list[list[int]] | np.ndarray, count: int) -> dict[tuple[int, int], int]:
    counts = dependences(Quantised(np.asarray(levels, dtype=np.uint16), count))
    assert counts.shape == (count, 9)
    return {(int(i) + 1, int(s) + 1): int(counts[i, s]) for i, s in np.argwhere(counts)}


def test_dependences_by_hand() -> None:
    assert counted([[1, 1, 2], [2, 1, 2], [2, 0, 3]], 3) == {(1, 3): 3, (2, 2): 4, (3, 1): 1}


def test_a_filled_square_has_corners_edges_and_a_middle() -> None:
    assert counted(np.full((5, 7), 2), 2) == {(2, 4): 4, (2, 6): 2 * 3 + 2 * 5, (2, 9): 3 * 5}


def test_every_pixel_has_one_dependence() -> None:
    levels = np.random.default_rng(0).integers(0, 5, (17, 12))
    counts = dependences(Quantised(levels.astype(np.uint16), 4))
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(levels.ravel(), minlength=5)[1:])
    result = dict(
        zip((f.name for f in DEPENDENCE_FEATURES), size_zone_statistics(counts[None], np.arange(1, 10)), strict=True)
    )
    shares = np.bincount(levels.ravel())[1:] / np.count_nonzero(levels)
    i = np.arange(1, 5)
    # Summed over dependences, the matrix is the histogram of the levels.
    assert result["high_grey_level_emphasis"][0] == pytest.approx(shares @ i**2, rel=1e-12)
    assert result["grey_level_variance"][0] == pytest.approx(shares @ i**2 - (shares @ i) ** 2, rel=1e-12)
    assert result["grey_level_nonuniformity_normalised"][0] == pytest.approx((shares**2).sum(), rel=1e-12)


def test_there_is_no_percentage_of_what_overlaps() -> None:
    assert PERCENTAGE in {feature.name for feature in DEPENDENCE_FEATURES}
    assert {feature.name for feature in FEATURES} == {f.name for f in DEPENDENCE_FEATURES} - {PERCENTAGE}
    assert len(Gldm().get_feature_names_out()) == 13
