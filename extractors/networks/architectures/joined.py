"""Backbones side by side (`liu-2019`): their pooled features are concatenated.

Imports torch, so this module is imported only where a network is built.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from extractors.networks.architectures.body import dense_head

Statistics = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation of each colour channel on the scale 0 to 1."""


class JoinedBodies(nn.Module):
    """Several bodies on the same image.

    Parameters
    ----------
    bodies : sequence of torch.nn.Module
        Each maps normalised float32 images to pooled features.
    statistics : sequence of Statistics
        Normalisation that each body expects. The input has that of the first.
    """

    def __init__(self, bodies: Sequence[nn.Module], statistics: Sequence[Statistics]) -> None:
        super().__init__()
        self.bodies = nn.ModuleList(bodies)
        self.rescaled = nn.ModuleList(
            nn.Identity() if own == statistics[0] else Renormalise(statistics[0], own) for own in statistics
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images to float32 features (n, sum of the widths), in the order of the bodies."""
        parts = [body(rescale(images)) for body, rescale in zip(self.bodies, self.rescaled, strict=True)]
        return torch.cat(parts, dim=1)


class Renormalise(nn.Module):
    """Conversion from one normalisation to another."""

    gain: torch.Tensor
    offset: torch.Tensor

    def __init__(self, before: Statistics, after: Statistics) -> None:
        super().__init__()
        (mean, std), (new_mean, new_std) = (
            tuple(torch.tensor(tuple(values)).view(1, 3, 1, 1) for values in pair) for pair in (before, after)
        )
        self.register_buffer("gain", std / new_std, persistent=False)
        self.register_buffer("offset", (mean - new_mean) / new_std, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Convert normalised images (n, 3, height, width)."""
        return images * self.gain + self.offset


def joined_head(width: int, n_classes: int) -> nn.Sequential:
    """Build the two fully connected layers: 512 units, ReLU, dropout 0.5 (chosen here), and the output layer."""
    return dense_head(width, 512, n_classes)
