from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from bench.evidence.audit import distances
from bench.evidence.audit.distances import MIN_THRESHOLD, blocks, candidates, threshold


def random_hashes(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, (n, 8, 4), dtype=np.uint64)


def brute_force(hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each cell's nearest orientation to each cell as it is, and that orientation, bit by bit."""
    bits = np.unpackbits(hashes.view(np.uint8), axis=-1)
    every = (bits[:, None] != bits[None, :, :1]).sum(axis=-1)
    return every.min(axis=-1), every.argmin(axis=-1)


@pytest.mark.parametrize("n", [1, 2, 70])
def test_the_pairs_are_those_of_brute_force(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "_ROWS", 16)
    monkeypatch.setattr(distances, "_COLUMNS", 24)
    hashes = random_hashes(n)
    distance, orientation = brute_force(hashes)
    expected = {
        (i, j, orientation[i, j], distance[i, j]) for i in range(n) for j in range(i + 1, n) if distance[i, j] <= 108
    }
    result = [candidates(hashes, rows, 108) for rows in blocks(n)]
    rows = [
        row for part in result for row in zip(part.first, part.second, part.orientation, part.distance, strict=True)
    ]
    assert set(rows) == expected
    assert len(rows) == len(expected)
    assert n < 70 or len(expected) > 100


def test_opposite_hashes_are_farthest_not_nearest() -> None:
    hashes = np.zeros((2, 8, 4), dtype=np.uint64)
    hashes[1] = ~hashes[1]
    assert len(candidates(hashes, slice(0, 2), 255).first) == 0
    assert candidates(hashes, slice(0, 2), 256).distance.tolist() == [256]


def test_the_threshold_is_the_quantile_of_unrelated_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest of eight binomial distances: P(d <= t) = 1 - (1 - F(t))^8."""
    monkeypatch.setattr(distances, "MAX_THRESHOLD", 256)
    n = 800
    result = threshold(random_hashes(n), np.arange(n).astype(str))
    share = 40 / n
    expected = next(t for t in range(257) if 1 - binom.sf(t, 256, 0.5) ** 8 > share) - 1
    assert abs(result - expected) <= 1


def test_copies_that_are_there_already_do_not_move_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "MAX_THRESHOLD", 256)
    hashes, n = random_hashes(600), 600
    clean = threshold(hashes, np.arange(n).astype(str))
    hashes[n // 2 :] = hashes[: n // 2]
    assert abs(threshold(hashes, np.arange(n).astype(str)) - clean) <= 2


def test_pairs_of_one_patient_do_not_count() -> None:
    hashes = random_hashes(300)
    alike = hashes.copy()
    alike[:150] = alike[0]
    units = np.array(["p"] * 150 + [f"q{i}" for i in range(150)])
    assert threshold(alike, units) == threshold(hashes, units)
    assert threshold(alike, np.array([f"{i}" for i in range(300)])) == MIN_THRESHOLD


def test_one_cell_and_one_patient() -> None:
    assert threshold(random_hashes(1), np.array(["p"])) == MIN_THRESHOLD
    assert threshold(random_hashes(50), np.array(["p"] * 50)) > MIN_THRESHOLD
