from __future__ import annotations

import numpy as np
import torch

from extractors.networks.inference.test_time_augmentation import dihedral_images, mean_rows
from extractors.networks.training.test_time import dihedral


def test_the_eight_images_equal_the_augmentation() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 5, 3), dtype=np.uint8)
    transformed = np.stack(list(dihedral_images(images)))
    assert transformed.shape == (24, 5, 5, 3)
    for row, image in enumerate(images):
        batch = torch.from_numpy(image[np.newaxis]).permute(0, 3, 1, 2)
        for element in range(8):
            assert np.array_equal(transformed[8 * row + element], dihedral(batch, element)[0].permute(1, 2, 0).numpy())
        assert len(np.unique(transformed[8 * row : 8 * row + 8], axis=0)) == 8


def test_rows_are_averaged_in_groups_of_eight() -> None:
    rows = np.random.default_rng(1).normal(size=(16, 4)).astype(np.float32)
    means = list(mean_rows(iter(rows)))
    assert [mean.dtype for mean in means] == [np.float32, np.float32]
    np.testing.assert_allclose(means[0], rows[:8].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(means[1], rows[8:].mean(axis=0), rtol=1e-6)
    assert list(mean_rows([])) == []
