from __future__ import annotations

import numpy as np

from extractors.cells import Cell
from extractors.networks.architectures.mask_crop import MaskCrop
from extractors.networks.training.channel_statistics import channel_statistics

FULL = np.ones((16, 16), dtype=np.bool_)


def test_statistics_equal_numpy_for_any_threads() -> None:
    stack = np.random.default_rng(0).integers(0, 256, (25, 16, 16, 3), dtype=np.uint8)
    cells = [Cell(str(i), image, FULL) for i, image in enumerate(stack)]
    for threads in (1, 3):
        mean, std = channel_statistics(cells, MaskCrop(16), threads=threads)
        assert mean.dtype == std.dtype == np.float32
        np.testing.assert_allclose(mean, (stack / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
        np.testing.assert_allclose(std, (stack / 255).std(axis=(0, 1, 2)), rtol=1e-6)


def test_a_constant_channel_has_unit_deviation() -> None:
    mean, std = channel_statistics([Cell("a", np.full((16, 16, 3), 51, dtype=np.uint8), FULL)], MaskCrop(16))
    np.testing.assert_allclose(mean, 0.2, rtol=1e-6)
    assert std.tolist() == [1, 1, 1]
