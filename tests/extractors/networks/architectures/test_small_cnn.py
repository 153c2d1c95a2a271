from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from extractors.networks.architectures.small_cnn import small_body, small_head


def small_network(n_classes: int, *, width: int, dropout: float = 0.2) -> torch.nn.Module:
    body, head = small_body(width=width), small_head(8 * width, n_classes, dropout=dropout)
    return torch.nn.Sequential(body, head)


@pytest.mark.parametrize(("classes", "width"), [(2, 16), (5, 4)])
def test_the_number_of_parameters_equals_the_formula(classes: int, width: int) -> None:
    channels = [3, width, 2 * width, 4 * width, 8 * width]
    convolutions = sum(9 * a * b for a, b in pairwise(channels))
    norms = 2 * sum(channels[1:])
    head = (channels[-1] + 1) * classes
    network = small_network(classes, width=width)
    assert sum(p.numel() for p in network.parameters()) == convolutions + norms + head


def test_squares_from_16_pixels_are_accepted() -> None:
    network = small_network(3, width=4).eval()
    for side in (16, 64, 75):
        assert network(torch.rand(2, 3, side, side)).shape == (2, 3)


def test_dropout_is_active_in_training_only() -> None:
    network = small_network(2, width=4, dropout=0.5)
    images = torch.rand(4, 3, 32, 32)
    network.eval()
    assert torch.equal(network(images), network(images))
    network.train()
    assert not torch.equal(network(images), network(images))
