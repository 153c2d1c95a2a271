"""Zones against SciPy's labelling, and counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from extractors.handcrafted.framework.quantisation import Quantised
from extractors.handcrafted.glszm import zones


def of_levels(levels: Any, count: int) -> Quantised:
    return Quantised(np.asarray(levels, dtype=np.uint16), count)


def counted(levels: np.ndarray, count: int) -> Counter[tuple[int, int]]:
    """Number of zones by level and size."""
    counts, sizes = zones(of_levels(levels, count))
    assert counts.shape == (count, len(sizes))
    assert counts.any(axis=0).all()
    return Counter({(int(i) + 1, int(sizes[s])): int(counts[i, s]) for i, s in np.argwhere(counts)})


def labelled(levels: np.ndarray) -> Counter[tuple[int, int]]:
    result: Counter[tuple[int, int]] = Counter()
    for level in np.unique(levels[levels > 0]):
        labels, _ = ndimage.label(levels == level, structure=np.ones((3, 3)))
        result.update((int(level), int(size)) for size in np.bincount(labels.ravel())[1:])
    return result


@pytest.mark.parametrize("count", [1, 2, 3, 9, 40])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2), (31, 44)])
def test_zones_are_those_of_scipy(count: int, shape: tuple[int, int]) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        levels = rng.integers(0 if seed % 2 else 1, count + 1, shape)
        levels[0, 0] = 1
        assert counted(levels, count) == labelled(levels)


def test_smooth_levels_make_large_zones_as_scipys() -> None:
    for seed in range(10):
        field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(90, 70)), 1 + seed / 3)
        levels = np.digitize(field, np.quantile(field, [0.1, 0.3, 0.6, 0.8]))
        assert counted(levels, 5) == labelled(levels)


@pytest.mark.parametrize("turns", range(4))
def test_a_comb_is_one_zone(turns: int) -> None:
    # From most sides its teeth look like zones of their own until the last row joins them.
    comb = np.full((30, 41), 2)
    comb[:, ::2], comb[-1] = 1, 1
    assert counted(np.rot90(comb, turns), 2) == {(1, 21 * 30 + 20): 1, (2, 29): 20}


def test_corners_connect() -> None:
    board = np.indices((6, 6)).sum(axis=0) % 2 + 1
    assert counted(board, 2) == {(1, 18): 1, (2, 18): 1}
