from __future__ import annotations

import math

import torch

from extractors.networks.training.augmentation import dihedral, random_dihedral, random_gains


def test_the_eight_elements_are_the_symmetries_of_the_square() -> None:
    square = torch.arange(4).reshape(1, 2, 2, 1)
    seen = {tuple(dihedral(square, element).flatten().tolist()) for element in range(8)}
    assert seen == {
        (0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0), (2, 0, 3, 1), (1, 0, 3, 2), (0, 2, 1, 3), (2, 3, 0, 1), (3, 1, 2, 0)
    }  # fmt: skip


def test_random_dihedral_moves_the_pixels_of_each_image() -> None:
    images = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2, 1).repeat(800, 1, 1, 1)
    transformed = random_dihedral(images, torch.Generator().manual_seed(0))
    ways, counts = torch.unique(transformed.flatten(1), dim=0, return_counts=True)
    assert len(ways) == 8
    assert counts.min() > 60
    assert torch.equal(transformed.flatten(1).sort(dim=1).values, images.flatten(1))
    assert torch.equal(transformed, random_dihedral(images, torch.Generator().manual_seed(0)))


def test_the_gains_have_the_specified_spread() -> None:
    images = torch.full((4000, 1, 1, 3), 0.5)
    gains = torch.log(random_gains(images, 0.2, torch.Generator().manual_seed(0)) / 0.5).squeeze()
    # brightness + stain: the variance is doubled in each channel, and two channels share the half of brightness
    assert math.isclose(float(gains.std()), 0.2 * math.sqrt(2), rel_tol=0.05)
    correlation = torch.corrcoef(gains.T)
    assert math.isclose(float(correlation[0, 1]), 0.5, abs_tol=0.05)


def test_zero_spread_changes_nothing() -> None:
    images = torch.rand(3, 4, 4, 3)
    assert torch.equal(random_gains(images, 0.0, torch.Generator().manual_seed(0)), images)
