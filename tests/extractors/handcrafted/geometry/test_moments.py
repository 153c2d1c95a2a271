"""Moments against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from extractors.handcrafted.geometry.moments import moments_from_runs
from extractors.handcrafted.geometry.runs import row_runs


@pytest.mark.parametrize("seed", range(6))
def test_moments_are_opencvs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.pad(rng.random(rng.integers(1, 80, 2)) < rng.uniform(0.05, 1), 1)
    mask[1, 1] = True
    theirs = cv2.moments(mask.view(np.uint8), binaryImage=True)
    ours = moments_from_runs(row_runs(mask))
    assert set(ours) < set(theirs)
    scale = np.sqrt(theirs["m00"])
    for name, value in ours.items():
        # What is near 0 is a difference of sums of this size.
        size = {"m": theirs["m00"] * 100, "mu": theirs["m00"] * scale**3, "nu": 1.0}[name.rstrip("0123")]
        assert value == pytest.approx(theirs[name], rel=1e-9, abs=1e-9 * size)


def test_moments_of_a_rectangle_in_closed_form() -> None:
    result = moments_from_runs(row_runs(np.pad(np.ones((4, 7), dtype=bool), 1)))
    assert (result["m00"], result["m10"], result["m01"]) == (28, 28 * 4, 28 * 2.5)
    assert result["mu20"] == pytest.approx(28 * (7**2 - 1) / 12)
    assert result["mu02"] == pytest.approx(28 * (4**2 - 1) / 12)
    assert result["nu20"] == pytest.approx(result["mu20"] / 28**2)
    assert (result["mu11"], result["mu30"], result["mu21"], result["mu12"], result["mu03"]) == (0, 0, 0, 0, 0)
