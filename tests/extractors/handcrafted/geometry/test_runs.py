"""Runs of pixels against the mask that they make up."""

from __future__ import annotations

import numpy as np
import pytest

from extractors.handcrafted.geometry.runs import row_runs


@pytest.mark.parametrize("density", [0.0, 0.1, 0.6, 1.0])
def test_runs_fill_the_mask_and_do_not_touch(density: float) -> None:
    mask = np.pad(np.random.default_rng(3).random((17, 23)) < density, 1)
    runs = row_runs(mask)
    drawn = np.zeros(mask.shape, dtype=int)
    for row, start, stop in zip(runs.row, runs.start, runs.stop, strict=True):
        drawn[row, start:stop] += 1
        assert not mask[row, start - 1]
        assert not mask[row, stop]
    np.testing.assert_array_equal(drawn, mask)
